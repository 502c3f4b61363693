-- New records in one call, however many and wherever they come from: what `put` (0003) does for one, for an array of
-- them. It takes the place of `put_many` and `put_new` (0009), which did nearly the same for a request and for a load.
--
-- Index rows say by their first column (1 is the first record) whose they are. Gives each record's key, null where its
-- id is in use already; its index rows are then left out. Raises BH409 where something that may exist once is taken:
-- the caller tries each alone, or gives up. Plans are generic: there is nothing to choose in an insert from arrays, and
-- planning eight of them anew cost as much as half a record's index rows.
create function put_all(
    p_facility int, p_type smallint[], p_id text[], p_updated timestamptz[], p_patient text[], p_body bytea[],
    p_account text[],
    token_n int[], token_param smallint[], token_hash bigint[],
    word_n int[], word_param smallint[], word_word text[], word_whole text[],
    span_n int[], span_param smallint[], span_lo timestamptz[], span_hi timestamptz[],
    quantity_n int[], quantity_param smallint[], quantity_unit bigint[], quantity_lo float8[], quantity_hi float8[],
    once_n int[], once_what text[],
    p_indexed smallint, p_generation int
) returns bigint[] language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
    rids bigint[];
    new_ bigint;
    taken text;
    indexed_ smallint;
begin
    select case when p_indexed >= version and p_generation >= generation then p_indexed else 0 end,
        array(select nextval('resource_key_seq') from generate_series(1, cardinality(p_id)))
    into indexed_, rids from search_rules;
    insert into resource (key, facility, type, id, version, updated, patient, body, indexed)
    overriding system value
    select r, p_facility, t, i, 1, u, p, b, indexed_
    from unnest(rids, p_type, p_id, p_updated, p_patient, p_body) g(r, t, i, u, p, b)
    on conflict (facility, type, id) do nothing;
    get diagnostics new_ = row_count;
    if new_ < cardinality(rids) then
        rids := array(
            select key from unnest(rids) with ordinality g(r, n) left join resource on key = r order by n
        );
    end if;
    -- Whoever holds one of these already wins; a concurrent holder is waited for.
    if cardinality(once_what) > 0 then
        with mine as (
            insert into once select p_facility, what, rids[n] from unnest(once_n, once_what) g(n, what)
            where rids[n] is not null
            on conflict do nothing returning what, rid
        )
        select what into taken from unnest(once_n, once_what) g(n, what)
        where rids[n] is not null and (what, rids[n]) not in (select what, rid from mine) limit 1;
        if taken is not null then
            raise exception using errcode = 'BH409', message = taken;
        end if;
    end if;
    -- In the order of the indexes, so that a batch touches each of their pages once.
    insert into token select p_facility, p, h, rids[n] from unnest(token_n, token_param, token_hash) g(n, p, h)
    where rids[n] is not null order by p, h;
    if cardinality(word_n) > 0 then
        insert into word select p_facility, p, w, rids[n], a
        from unnest(word_n, word_param, word_word, word_whole) g(n, p, w, a) where rids[n] is not null
        order by p, w;
    end if;
    if cardinality(span_n) > 0 then
        insert into span select p_facility, p, l, h, rids[n]
        from unnest(span_n, span_param, span_lo, span_hi) g(n, p, l, h) where rids[n] is not null;
    end if;
    if cardinality(quantity_n) > 0 then
        insert into quantity select p_facility, p, q, l, h, rids[n]
        from unnest(quantity_n, quantity_param, quantity_unit, quantity_lo, quantity_hi) g(n, p, q, l, h)
        where rids[n] is not null;
    end if;
    insert into history (facility, type, id, version, updated, action, account, body)
    select p_facility, t, i, 1, u, 'c', a, b
    from unnest(rids, p_type, p_id, p_updated, p_account, p_body) g(r, t, i, u, a, b) where r is not null;
    insert into feed (facility, type, id, version, action, patient)
    select p_facility, t, i, 1, 'c', p
    from unnest(rids, p_type, p_id, p_patient) with ordinality g(r, t, i, p, n) where r is not null order by n;
    return rids;
end $$;
