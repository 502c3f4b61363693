-- Every search parameter of R4, own parameters at run time, and rows that know by which rules they were indexed.
--
-- Expands only: the program before this one goes on working on the new schema (docs/howto/migrations.md). It calls the
-- former `put`, which stays until 0003_search.after.sql and leaves its rows marked as behind.

-- ── Quantities ─────────────────────────────────────────────────────────────────────────────────────────────────
-- Numbers, quantities and composites that end in one. unit: 0 for any unit, or 64 bits of what `store/rows.py` says.
-- float8 comparisons are leakproof, numeric's are not.
create table quantity (
    facility int not null, param smallint not null, unit bigint not null,
    lo float8 not null, hi float8 not null, rid bigint not null
);
create index quantity_lo on quantity (facility, param, unit, lo, rid desc) include (hi);
-- Nearly every value is a point; only what is not needs its other end looked up (`query/clauses.py` asks so).
create index quantity_hi on quantity (facility, param, unit, hi, rid desc) include (lo) where lo <> hi;
create index quantity_rid on quantity (rid);

-- ── By which rules a row was indexed ───────────────────────────────────────────────────────────────────────────
-- resource.indexed: INDEX_VERSION of the program that wrote the index rows; 0: must be done again. A program writes 0
-- (in `put`) whenever the database knows of newer rules than the program: a newer version, or a search parameter it
-- has not heard of. So no row is lost between two programs, and the few that are behind stand in an index of their own.
alter table resource add column indexed smallint not null default 0;
create index resource_behind on resource (key) where indexed = 0;

create table search_rules (
    single boolean primary key default true check (single),
    version smallint not null,         -- the highest INDEX_VERSION that ever served this database
    generation int not null            -- grows with every change of search_parameter
);
insert into search_rules (version, generation) values (1, 1);

-- Search parameters brought in at run time, one row for each resource type of a SearchParameter. The number is for life.
create table search_parameter (
    number smallint generated always as identity (start 20001) primary key,
    facility int not null,
    type text collate "C" not null,
    code text collate "C" not null,
    source text collate "C" not null,  -- id of the SearchParameter, in the same facility
    definition jsonb not null,
    active boolean not null default true,
    complete boolean not null default false,
    xid xid8 not null default pg_current_xact_id(),
    changed timestamptz not null default now(),
    unique (facility, type, code)
);
create index search_parameter_source on search_parameter (facility, source);

-- ── Indexing again ─────────────────────────────────────────────────────────────────────────────────────────────
-- A job is cut into parts of a few hundred records. A process takes a part by locking its row and does it in that
-- transaction: killed, it leaves nothing half done, and another takes the part.
create table reindex (
    job bigint generated always as identity primary key,
    facility int not null,             -- 0: the whole platform
    reason text not null,              -- version, parameter, behind, asked
    parameter smallint,                -- the number that is complete when this job is
    version smallint not null,
    total bigint not null,
    by text not null,
    settled xid8 not null default pg_snapshot_xmin(pg_current_snapshot()),  -- it sees all that was written before
    started timestamptz not null default now(),
    ended timestamptz
);
create table reindex_part (
    job bigint not null references reindex on delete cascade,
    part int not null,
    facility int not null,
    keys bigint[] not null,
    done timestamptz,
    redone int not null default 0,
    failed text[] not null default '{}',
    primary key (job, part)
);
create index reindex_part_open on reindex_part (job, part) where done is null;

-- ── The second wall ────────────────────────────────────────────────────────────────────────────────────────────
do $$
declare name text;
begin
    foreach name in array array['quantity', 'search_parameter', 'reindex', 'reindex_part'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
    end loop;
    foreach name in array array['quantity', 'search_parameter', 'reindex'] loop
        execute format('create policy reference on %I for select using (facility = 0)', name);
    end loop;
end $$;
grant select, insert, update, delete on quantity, search_parameter, reindex, reindex_part to benhan_app;
grant select, update on search_rules to benhan_app;

-- ── One round trip a write ─────────────────────────────────────────────────────────────────────────────────────
-- As in 0001, with quantities and the mark of the rules.
create function put(
    p_facility int, p_type smallint, p_id text, p_expected int, p_updated timestamptz, p_patient text,
    p_body bytea, p_action "char", p_account text,
    token_param smallint[], token_hash bigint[],
    word_param smallint[], word_word text[], word_whole text[],
    span_param smallint[], span_lo timestamptz[], span_hi timestamptz[],
    quantity_param smallint[], quantity_unit bigint[], quantity_lo float8[], quantity_hi float8[],
    once_what text[],
    p_indexed smallint, p_generation int
) returns bigint language plpgsql as $$
declare
    rid_ bigint;
    taken text;
    indexed_ smallint;
begin
    select case when p_indexed >= version and p_generation >= generation then p_indexed else 0 end
    into indexed_ from search_rules;
    if p_expected = 0 then
        insert into resource (facility, type, id, version, updated, patient, body, indexed)
        values (p_facility, p_type, p_id, 1, p_updated, p_patient, p_body, indexed_)
        on conflict (facility, type, id) do nothing
        returning key into rid_;
        if rid_ is null then return null; end if;
    else
        update resource
        set version = p_expected + 1, updated = p_updated, patient = p_patient, body = p_body, indexed = indexed_
        where facility = p_facility and type = p_type and id = p_id and version = p_expected
        returning key into rid_;
        if rid_ is null then return null; end if;
        delete from token where rid = rid_;
        delete from word where rid = rid_;
        delete from span where rid = rid_;
        delete from quantity where rid = rid_;
        delete from once where rid = rid_;
    end if;
    -- Whoever holds one of these already wins; a concurrent holder is waited for.
    if cardinality(once_what) > 0 then
        with mine as (
            insert into once select p_facility, what, rid_ from unnest(once_what) what
            on conflict do nothing returning what
        )
        select what into taken from unnest(once_what) what where what not in (select what from mine) limit 1;
        if taken is not null then
            raise exception using errcode = 'BH409', message = taken;
        end if;
    end if;
    insert into token select p_facility, p, h, rid_ from unnest(token_param, token_hash) t(p, h);
    if cardinality(word_param) > 0 then
        insert into word select p_facility, p, w, rid_, a from unnest(word_param, word_word, word_whole) t(p, w, a);
    end if;
    if cardinality(span_param) > 0 then
        insert into span select p_facility, p, l, h, rid_ from unnest(span_param, span_lo, span_hi) t(p, l, h);
    end if;
    if cardinality(quantity_param) > 0 then
        insert into quantity select p_facility, p, u, l, h, rid_
        from unnest(quantity_param, quantity_unit, quantity_lo, quantity_hi) t(p, u, l, h);
    end if;
    insert into history values (p_facility, p_type, p_id, p_expected + 1, p_updated, p_action, p_account, p_body);
    insert into feed (facility, type, id, version, action, patient)
    values (p_facility, p_type, p_id, p_expected + 1, p_action, p_patient);
    return rid_;
end $$;

-- The call of the program before this one: what it writes is found by what it knew, and marked as behind.
create or replace function put(
    p_facility int, p_type smallint, p_id text, p_expected int, p_updated timestamptz, p_patient text,
    p_body bytea, p_action "char", p_account text,
    token_param smallint[], token_hash bigint[],
    word_param smallint[], word_word text[], word_whole text[],
    span_param smallint[], span_lo timestamptz[], span_hi timestamptz[],
    once_what text[]
) returns bigint language sql as $$
    select put(p_facility, p_type, p_id, p_expected, p_updated, p_patient, p_body, p_action, p_account,
        token_param, token_hash, word_param, word_word, word_whole, span_param, span_lo, span_hi,
        '{}'::smallint[], '{}'::bigint[], '{}'::float8[], '{}'::float8[], once_what, 0::smallint, 0)
$$;
