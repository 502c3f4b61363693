-- What leaves a patient's record by an address of its own (core/access/handouts.py): it opens one thing, once, as whoever
-- asked for it is then. Her session over, her relation ended: it opens nothing.
create table handout (
    token_hash bytea primary key,
    facility int not null,
    session bytea not null references session (token_hash) on update cascade on delete cascade,
    patient text not null,
    what text not null,                                 -- visit/…, copy/…
    ends timestamptz not null,
    used timestamptz
);
create index handout_session on handout (session);
create index handout_ends on handout (facility, ends);
-- A record, or a visit of it, shown to a doctor elsewhere (core/access/shares.py). Address and code are hashes; the code's is
-- taken with the address, which is nowhere here.
create table share (
    facility int not null,
    id text not null,
    address_hash bytea not null,
    code_hash bytea not null,
    patient text not null,
    visit text,                                         -- null: the whole record
    labelled boolean not null,
    relation text references relation (id),             -- in which it was made; null: by the patient
    made_by text not null,
    made timestamptz not null default now(),
    ends timestamptz not null,
    ended timestamptz,
    ended_by text,                                      -- an account, or "guesses"
    failures int not null default 0,
    primary key (facility, id)
);
create index share_address on share (address_hash);
create index share_patient on share (facility, patient, made);
-- Who said the right code, and who she says she is.
create table share_reader (
    facility int not null,
    id text not null,
    share text not null,
    hash bytea not null,                                -- of what her browser keeps
    name text not null,
    place text not null,
    begun timestamptz not null default now(),
    ends timestamptz not null,
    primary key (facility, id),
    foreign key (facility, share) references share (facility, id)
);
create index share_reader_hash on share_reader (facility, hash);
-- Everything of a record, made for its patient in the background (patient/own_copy.py); kept for a day.
create table own_copy (
    facility int not null,
    id text not null,
    patient text not null,
    session bytea not null references session (token_hash) on update cascade on delete cascade,
    state text not null default 'waiting',              -- working, done, failed
    seen int not null default 0,
    total int not null default 0,
    tries int not null default 0,
    trouble text not null default '',
    made timestamptz not null default now(),
    next timestamptz default now(),                     -- when somebody may take it up; null: nobody
    ends timestamptz not null default now() + interval '1 day',
    bundle bytea,                                       -- encrypted
    paper bytea,                                        -- encrypted
    primary key (facility, id)
);
create index own_copy_next on own_copy (next) where next is not null;
create index own_copy_patient on own_copy (facility, patient, made);
create index own_copy_session on own_copy (session);

do $$
declare name text;
begin
    foreach name in array array['handout', 'share', 'share_reader', 'own_copy'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
