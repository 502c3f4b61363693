-- Seals on the audit (core/access/seals). The program before goes on: it only adds rows, and reads them by patient.
--
-- The audit is gathered in the order (xid, seq), below the oldest transaction still running, as the feed is read. Rows
-- of before this migration stand at xid 0: nobody was writing while the column was added. The order is the primary key,
-- in the place of (facility, seq): a row is written into as many indexes as before.
alter table audit add column xid xid8 not null default '0';
alter table audit alter column xid set default pg_current_xact_id();
alter table audit drop constraint audit_pkey;
alter table audit add primary key (facility, xid, seq);

-- One seal: the leaves of rows (first, size] of a facility's audit, the root of the tree over all rows so far, signed
-- and chained (seals/statement.py). Who serves requests may add, and change nothing.
create table seal (
    facility int not null,
    number bigint not null,
    first bigint not null,
    size bigint not null,
    xid xid8 not null,                 -- where the last row stands
    seq bigint not null,
    at timestamptz not null,
    leaves bytea not null,             -- 48 bytes a row: xid, seq, hash (seals/rows.py)
    digest bytea not null,             -- SHA-256 of the leaves
    root bytea not null,
    previous bytea not null,
    key bytea not null,
    signature bytea not null,
    primary key (facility, number),
    unique (facility, first)
);
alter table seal alter column leaves set storage external;
create index seal_at on seal (facility, at);

-- Hashes of whole subtrees of 256, 65,536, … leaves, for proofs and for a process that takes over.
create table seal_node (
    facility int not null,
    height smallint not null,
    place bigint not null,
    hash bytea not null,
    primary key (facility, height, place)
);

do $$
declare name text;
begin
    foreach name in array array['seal', 'seal_node'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (facility = (select reach_of()) or (select reach_of()) = -1)'
            ' with check (facility = (select reach_of()) or (select reach_of()) = -1)', name);
    end loop;
end $$;
grant select, insert on seal, seal_node to benhan_app;
