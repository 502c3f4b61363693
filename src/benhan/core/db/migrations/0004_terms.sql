-- Terminology: the concepts of code systems, beside the CodeSystem records themselves, written in their transaction.
--
-- Expands only: the program before this one goes on working. A CodeSystem that it writes has no concepts here until
-- this program finds it (`code_system.resource_version` differs from the record's) and indexes it.
-- Columns that lead an index are int, text "C" and boolean: their comparisons are leakproof, as everywhere.

create table code_system (
    rid bigint primary key,            -- resource.key of the CodeSystem
    facility int not null,
    resource_version int not null,     -- the version of the record that these concepts are of
    id text collate "C" not null,
    url text collate "C" not null,
    version text collate "C" not null,
    dated text collate "C" not null,   -- CodeSystem.date: of several editions the latest is meant
    title text not null,
    value_set text collate "C",        -- canonical address of the value set of all its codes
    active boolean not null,
    case_sensitive boolean not null,
    complete boolean not null,         -- a code that is not here does not exist
    carried text not null default '',  -- where the concepts came from if not from the record; '' if from it
    concepts int not null default 0
);
create index code_system_url on code_system (url, facility);
create index code_system_value_set on code_system (value_set) where value_set is not null;

create table concept (
    facility int not null,
    rid bigint not null,
    seq int not null,                  -- the order in which the code system lists them: the likelier first
    code text collate "C" not null,
    key text collate "C" not null,     -- the code as it is compared: small letters, ICD-10 without its dot
    display text not null,
    words text collate "C" not null,   -- every folded word of code, display and designations, each after a blank
    abstract boolean not null,
    inactive boolean not null,
    body bytea not null,               -- CodeSystem.concept without its children
    primary key (rid, seq)
);
create unique index concept_code on concept (rid, code);
create index concept_key on concept (rid, key);

-- The folded display and designations, for "starts like this".
create table concept_title (facility int not null, rid bigint not null, title text collate "C" not null, seq int not null);
create index concept_title_start on concept_title (rid, title, seq);

create table concept_word (facility int not null, rid bigint not null, word text collate "C" not null, seq int not null);
create index concept_word_start on concept_word (rid, word, seq);

-- Every ancestor of every concept, at its shortest distance.
create table concept_above (
    facility int not null, rid bigint not null, child int not null, parent int not null, depth smallint not null,
    primary key (rid, child, parent)
);
create index concept_below on concept_above (rid, parent, child);

create table concept_property (
    facility int not null, rid bigint not null, seq int not null,
    property text collate "C" not null, value text collate "C" not null
);
create index concept_property_value on concept_property (rid, property, value, seq);
create index concept_property_of on concept_property (rid, seq);

-- What of the platform's own terminology is wanted (by `benhan demo` and `benhan migrate`), and how far it is loaded.
create table terms_loaded (
    package text primary key,
    edition text not null default '',  -- the edition that is all here
    loading text not null default '',  -- the edition that is being loaded, and how many of its parts are here
    done int not null default 0,
    at timestamptz not null default now()
);

create function reached() returns int language sql stable parallel safe as $$
    select nullif(current_setting('app.facility', true), '')::int
$$;

do $$
declare name text;
begin
    foreach name in array array['code_system', 'concept', 'concept_title', 'concept_word', 'concept_above',
                                'concept_property'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        -- As on every table; only the setting is read once a statement, not once a row: an expansion tries thousands.
        execute format('create policy seen on %I for select using (facility = 0 or facility = (select reached())'
                       ' or (select reached()) = -1)', name);
        execute format('create policy added on %I for insert with check (in_reach(facility))', name);
        execute format('create policy changed on %I for update using (in_reach(facility))', name);
        execute format('create policy removed on %I for delete using (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
grant select, insert, update, delete on terms_loaded to benhan_app;
