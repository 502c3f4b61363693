-- Second factors: a code of an application (TOTP), passkeys, recovery codes; and the steps of a sign-in between the
-- password and the session. A step is no session: it opens nothing, ends soon, and is used once.

alter table account
    add totp_secret text,
    add totp_step bigint not null default 0;            -- the last thirty seconds whose code was taken

create table passkey (
    id bytea primary key,
    facility int not null,
    account text not null references account (id),
    name text not null,
    public_key bytea not null,
    sign_count bigint not null,
    made timestamptz not null default now(),
    used timestamptz
);
create index passkey_account on passkey (account);
create table recovery_code (
    facility int not null,
    account text not null references account (id),
    salt bytea not null,
    hash bytea not null,
    primary key (facility, account, hash)
);
create table sign_in_step (
    token_hash bytea primary key,
    facility int not null,                              -- 0: nobody is known yet (a passkey alone)
    account text references account (id),
    kind text not null,
    challenge bytea,                                    -- what a passkey has to sign
    secret text,                                        -- of an application that is being set up
    ends timestamptz not null
);
alter table session add proved timestamptz not null default now();  -- when she last showed her password or more

do $$
declare name text;
begin
    foreach name in array array['passkey', 'recovery_code', 'sign_in_step'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
