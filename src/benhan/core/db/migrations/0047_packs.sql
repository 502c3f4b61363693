-- What a ward opens when everything else is down (hospital/chart/packs, ADR 37).
-- A person's key: packs are encrypted to `public`; `wrapped` opens by her pass-phrase alone, which is kept nowhere.
create table offline_key (
    facility int not null,
    account text not null references account (id),
    public bytea not null,
    wrapped bytea not null,
    made timestamptz not null default now(),
    primary key (facility, account)
);
-- What a facility signs its packs with, and what logs of opening are encrypted to.
create table pack_key (
    facility int primary key,
    secret text not null,                               -- encrypted
    made timestamptz not null default now()
);
-- The departments that have a pack, and how the last writing went.
create table ward_pack (
    facility int not null,
    department text not null,                           -- Organization
    active boolean not null,
    changed timestamptz not null default now(),
    changed_by text not null,
    tried timestamptz,
    written timestamptz,
    patients int not null default 0,
    readers int not null default 0,
    trouble text not null default '',
    primary key (facility, department)
);
-- Up to where a log of opening was brought into the audit.
create table ward_pack_log (
    facility int not null,
    name text not null,                                 -- department/file
    lines int not null,
    chain bytea not null,
    broken boolean not null default false,
    primary key (facility, name)
);

do $$
declare name text;
begin
    foreach name in array array['offline_key', 'pack_key', 'ward_pack', 'ward_pack_log'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
