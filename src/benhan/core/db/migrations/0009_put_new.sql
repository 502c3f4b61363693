-- Many new records in one statement (benhan.core.store.load): rows, index, uniqueness, history, feed, as `put` writes
-- them for one. `…_n` says to which record (1, 2, …) an index row belongs. A record whose id is there already is left
-- as it is and gives null in its place.
create function put_new(
    p_facility int, p_updated timestamptz, p_account text, p_indexed smallint, p_generation int,
    types smallint[], ids text[], patients text[], bodies bytea[],
    token_n int[], token_param smallint[], token_hash bigint[],
    word_n int[], word_param smallint[], word_word text[], word_whole text[],
    span_n int[], span_param smallint[], span_lo timestamptz[], span_hi timestamptz[],
    quantity_n int[], quantity_param smallint[], quantity_unit bigint[], quantity_lo float8[], quantity_hi float8[],
    once_n int[], once_what text[]
) returns bigint[] language plpgsql as $$
declare
    rids bigint[];
    taken text;
    indexed_ smallint;
begin
    select case when p_indexed >= version and p_generation >= generation then p_indexed else 0 end
    into indexed_ from search_rules;
    with made as (
        insert into resource (facility, type, id, version, updated, patient, body, indexed)
        select p_facility, t, i, 1, p_updated, p, b, indexed_ from unnest(types, ids, patients, bodies) u(t, i, p, b)
        on conflict (facility, type, id) do nothing
        returning key, type, id
    )
    select array_agg(made.key order by u.n) into rids
    from unnest(types, ids) with ordinality u(t, i, n) left join made on made.type = u.t and made.id = u.i;
    -- Whoever holds one of these already wins; a concurrent holder is waited for.
    if cardinality(once_what) > 0 then
        with mine as (
            insert into once select p_facility, w, rids[n] from unnest(once_n, once_what) u(n, w)
            where rids[n] is not null on conflict do nothing returning what, rid
        )
        select w into taken from unnest(once_n, once_what) u(n, w)
        where rids[n] is not null and (w, rids[n]) not in (select what, rid from mine) limit 1;
        if taken is not null then
            raise exception using errcode = 'BH409', message = taken;
        end if;
    end if;
    -- In the order of the indexes, so that a batch touches each of their pages once.
    insert into token select p_facility, p, h, rids[n] from unnest(token_n, token_param, token_hash) u(n, p, h)
    where rids[n] is not null order by p, h;
    insert into word select p_facility, p, w, rids[n], a
    from unnest(word_n, word_param, word_word, word_whole) u(n, p, w, a) where rids[n] is not null
    order by p, w;
    insert into span select p_facility, p, l, h, rids[n] from unnest(span_n, span_param, span_lo, span_hi) u(n, p, l, h)
    where rids[n] is not null;
    insert into quantity select p_facility, p, q, l, h, rids[n]
    from unnest(quantity_n, quantity_param, quantity_unit, quantity_lo, quantity_hi) u(n, p, q, l, h)
    where rids[n] is not null;
    insert into history (facility, type, id, version, updated, action, account, body)
    select p_facility, t, i, 1, p_updated, 'c', p_account, b from unnest(types, ids, bodies, rids) u(t, i, b, r)
    where r is not null;
    insert into feed (facility, type, id, version, action, patient)
    select p_facility, t, i, 1, 'c', p from unnest(types, ids, patients, rids) with ordinality u(t, i, p, r, n)
    where r is not null order by n;
    return rids;
end $$;
