-- The index rows of a record lie together, as they are given: in the order of its records, not of the index.
--
-- Since 0009 a batch's rows lay in the order of the index, which saved some of its pages while they were written. But nearly
-- every question asks for the rows of some records (what does this one point at? does it meet that, too?), and a
-- record's twelve tokens then lay on twelve pages: the 250 of one patient's observations were 243 visits instead of 5.
create or replace function put_all(
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
    insert into token select p_facility, p, h, rids[n] from unnest(token_n, token_param, token_hash) g(n, p, h)
    where rids[n] is not null;
    if cardinality(word_n) > 0 then
        insert into word select p_facility, p, w, rids[n], a
        from unnest(word_n, word_param, word_word, word_whole) g(n, p, w, a) where rids[n] is not null;
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
