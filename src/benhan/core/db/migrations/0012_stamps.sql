-- A stamp is of what a row says of its holder, not of the row's version: that she was seen a minute ago, or mistyped her
-- password elsewhere, does not make her somebody else.
create function session_stamp(s session, a account) returns bigint language sql stable as $$
    select hashtextextended(concat_ws('|', s.facility, s.account, s.patient, extract(epoch from s.ends),
        a.name, a.roles::text, a.practitioner, a.active), 0)
$$;
create function client_stamp(c client) returns bigint language sql stable as $$
    select hashtextextended(concat_ws('|', c.facility, c.name, c.scopes), 0)
$$;

create or replace function holder(p_hash bytea, p_client boolean)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               practitioner text, patient text, scopes text, stamp bigint)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    select c.facility, f.name as facility_name, f.code as facility_code, 'client:' || c.name as account, c.name,
           array['client'] as roles, null::text as practitioner, null::text as patient, c.scopes,
           client_stamp(c) as stamp
    into found_
    from client c join facility f on f.key = c.facility
    where p_client and c.token_hash = p_hash and c.revoked is null;
    if not p_client then
        select s.facility, f.name as facility_name, f.code as facility_code, s.account, coalesce(a.name, '') as name,
               case when s.patient is not null then array['patient'] else a.roles end as roles,
               a.practitioner, s.patient, null::text as scopes, session_stamp(s, a) as stamp
        into found_
        from session s join facility f on f.key = s.facility left join account a on a.id = s.account
        where s.token_hash = p_hash and s.ends > now() and coalesce(a.active, true);
    end if;
    perform set_config('app.facility', coalesce(found_.facility::text, ''), true);
    if found_.facility is not null then
        return query select found_.facility, found_.facility_name, found_.facility_code, found_.account, found_.name,
            found_.roles, found_.practitioner, found_.patient, found_.scopes, found_.stamp;
    end if;
end $$;

create or replace function enter(p_hash bytea, p_stamp bigint) returns bigint language plpgsql as $$
declare facility_ int; seen_ timestamptz;
begin
    perform set_config('app.facility', '-1', true);
    select c.facility into facility_ from client c
    where c.token_hash = p_hash and c.revoked is null and client_stamp(c) = p_stamp;
    if facility_ is null then
        select s.facility, s.seen into facility_, seen_ from session s left join account a on a.id = s.account
        where s.token_hash = p_hash and s.ends > now() and coalesce(a.active, true) and session_stamp(s, a) = p_stamp;
        if seen_ < now() - interval '1 minute' then
            update session set seen = now() where token_hash = p_hash;
        end if;
    end if;
    perform set_config('app.facility', coalesce(facility_::text, ''), true);
    if facility_ is null then
        raise exception using errcode = 'BH401', message = 'the holder of this token is not who she was';
    end if;
    return null;
end $$;
