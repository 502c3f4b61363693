-- Certificates of staff (core/signing/certificates.py), papers that wait for one, and papers signed with one
-- (hospital/signing.py). Keys stay in their token or at their provider.
create table certificate (
    facility int not null,
    id text not null,
    account text not null,
    kind text not null,                                 -- token, remote
    key text not null,                                  -- its label in the token, or the user at the provider
    name text not null,                                 -- whom it names
    serial text not null,
    begins timestamptz not null,
    ends timestamptz not null,
    der bytea not null,
    chain bytea[] not null,                             -- those above it
    added timestamptz not null default now(),
    added_by text not null,
    ended timestamptz,
    ended_by text,
    primary key (facility, id)
);
create unique index certificate_of on certificate (facility, account) where ended is null;
create unique index certificate_key on certificate (facility, kind, key) where ended is null;
-- One confirmation, many papers. A ticket waits at the provider until somebody confirms on her telephone.
create table signing_batch (
    facility int not null,
    id text not null,
    account text not null,
    certificate text not null,
    ticket text not null default '',
    state text not null,                                -- waiting, open, ended
    trouble text not null default '',
    made timestamptz not null default now(),
    primary key (facility, id)
);
create table paper_to_sign (
    facility int not null,
    id text not null,
    account text not null,
    visit text not null,
    patient text not null,
    kind text not null,                                 -- phieu-kham, don-thuoc
    since timestamptz not null default now(),
    state text not null default 'waiting',              -- prepared (its hash is out), signed
    batch text,
    place int not null default 0,                       -- which of its hashes
    trouble text not null default '',                   -- why it did not come about last time
    prepared bytea,                                     -- encrypted
    signatures bytea[],
    primary key (facility, id)
);
create unique index paper_to_sign_once on paper_to_sign (facility, visit, kind, account) where state <> 'signed';
create index paper_to_sign_account on paper_to_sign (facility, account, since) where state <> 'signed';
create index paper_to_sign_batch on paper_to_sign (facility, batch);
-- What the QR of a paper leads to: nothing of anybody's health.
create table signed_paper (
    facility int not null,
    code text not null,
    kind text not null,
    visit text not null,
    document text not null,                             -- DocumentReference
    hash bytea not null,                                -- SHA-256 of the PDF
    signer text not null,
    organization text not null,
    serial text not null,
    issuer text not null,
    at timestamptz not null,                            -- by the time stamp
    made timestamptz not null default now(),
    primary key (facility, code)
);
create index signed_paper_code on signed_paper (code);
create index signed_paper_hash on signed_paper (hash);
create index signed_paper_visit on signed_paper (facility, visit, kind, made);

do $$
declare name text;
begin
    foreach name in array array['certificate', 'signing_batch', 'paper_to_sign', 'signed_paper'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
