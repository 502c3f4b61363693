-- Who somebody is at an OpenID Connect provider, linked to her account (core/access/outside). The key has no facility,
-- as that of a login has none: nobody is known yet when it is asked for.
create table outside_link (
    issuer text not null,
    claim text not null,                                -- which claim names her: `sub`, where the provider has no better
    subject text not null,
    facility int not null,
    account text not null references account (id),
    shown text not null,                                -- what she is called there; for people to read
    made timestamptz not null default now(),
    used timestamptz,
    primary key (issuer, claim, subject),
    unique (facility, account, issuer)
);
alter table outside_link enable row level security;
alter table outside_link force row level security;
create policy write on outside_link using (in_reach(facility)) with check (in_reach(facility));
grant select, insert, update, delete on outside_link to benhan_app;

-- What a step followed upon: `password`, or `provider`.
alter table sign_in_step add first text not null default 'password';

-- A step used up at once, in a statement of its own: no transaction stays open while a provider is asked.
create function take_step(p_token bytea, p_kind text)
returns table (facility int, account text, challenge bytea, secret text, first text) language plpgsql as $$
begin
    perform set_config('app.facility', '-1', true);
    return query delete from sign_in_step s where s.token_hash = p_token and s.kind = p_kind and s.ends > now()
        returning s.facility, s.account, s.challenge, s.secret, s.first;
    perform set_config('app.facility', '', true);
end $$;
