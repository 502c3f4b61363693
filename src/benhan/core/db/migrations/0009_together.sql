-- Many new records in one round trip: what `put` (0003) does for one, for an array of them. Nothing is taken away.
--
-- Index rows say by their first column (1 is the first record) whose they are. Gives each record's key, null where its
-- id is in use already; its index rows are then left out. Raises BH409 where something that may exist once is taken:
-- the caller tries each alone, or gives up.
create function put_many(
    p_facility int, p_type smallint[], p_id text[], p_updated timestamptz[], p_patient text[], p_body bytea[],
    p_account text[],
    token_n int[], token_param smallint[], token_hash bigint[],
    word_n int[], word_param smallint[], word_word text[], word_whole text[],
    span_n int[], span_param smallint[], span_lo timestamptz[], span_hi timestamptz[],
    quantity_n int[], quantity_param smallint[], quantity_unit bigint[], quantity_lo float8[], quantity_hi float8[],
    once_n int[], once_what text[],
    p_indexed smallint, p_generation int
) returns bigint[] language plpgsql as $$
declare
    rids bigint[];
    made bigint[];
    taken text;
    indexed_ smallint;
begin
    select case when p_indexed >= version and p_generation >= generation then p_indexed else 0 end
    into indexed_ from search_rules;
    select array_agg(nextval('resource_key_seq')) into rids from generate_series(1, cardinality(p_id));
    with new as (
        insert into resource (key, facility, type, id, version, updated, patient, body, indexed)
        overriding system value
        select rids[n], p_facility, p_type[n], p_id[n], 1, p_updated[n], p_patient[n], p_body[n], indexed_
        from generate_series(1, cardinality(p_id)) n
        on conflict (facility, type, id) do nothing
        returning key
    )
    select array_agg(key) into made from new;
    if coalesce(cardinality(made), 0) < cardinality(rids) then
        select array_agg(case when rid = any(made) then rid end order by n) into rids
        from unnest(rids) with ordinality r(rid, n);
    end if;
    -- Whoever holds one of these already wins; a concurrent holder is waited for.
    if cardinality(once_what) > 0 then
        with mine as (
            insert into once select p_facility, what, rids[n] from unnest(once_n, once_what) t(n, what)
            where rids[n] is not null
            on conflict do nothing returning what, rid
        )
        select what into taken from unnest(once_n, once_what) t(n, what)
        where rids[n] is not null and (what, rids[n]) not in (select what, rid from mine) limit 1;
        if taken is not null then
            raise exception using errcode = 'BH409', message = taken;
        end if;
    end if;
    insert into token select p_facility, p, h, rids[n] from unnest(token_n, token_param, token_hash) t(n, p, h)
    where rids[n] is not null;
    insert into word select p_facility, p, w, rids[n], a
    from unnest(word_n, word_param, word_word, word_whole) t(n, p, w, a) where rids[n] is not null;
    insert into span select p_facility, p, l, h, rids[n]
    from unnest(span_n, span_param, span_lo, span_hi) t(n, p, l, h) where rids[n] is not null;
    insert into quantity select p_facility, p, u, l, h, rids[n]
    from unnest(quantity_n, quantity_param, quantity_unit, quantity_lo, quantity_hi) t(n, p, u, l, h)
    where rids[n] is not null;
    insert into history (facility, type, id, version, updated, action, account, body)
    select p_facility, p_type[n], p_id[n], 1, p_updated[n], 'c', p_account[n], p_body[n]
    from generate_series(1, cardinality(p_id)) n where rids[n] is not null;
    insert into feed (facility, type, id, version, action, patient)
    select p_facility, p_type[n], p_id[n], 1, 'c', p_patient[n]
    from generate_series(1, cardinality(p_id)) n where rids[n] is not null;
    return rids;
end $$;
grant usage on sequence resource_key_seq to benhan_app;
