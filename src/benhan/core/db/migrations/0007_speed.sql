-- One round trip a question: the caller is verified and the transaction bound in the statement that asks.
--
-- Expands only: the functions of 0001 stay for the program before this one.

-- Who holds a token (a program's, or a session's), anywhere on the platform; binds the transaction to her facility. No row: nobody.
-- stamp: which versions of the rows that say who she is were read. A program keeps what it read under the stamp;
-- `enter` looks whether it still holds, in every statement.
create function holder(p_hash bytea, p_client boolean)
returns table (facility int, facility_name text, facility_code text, account text, name text, roles text[],
               practitioner text, patient text, scopes text, stamp bigint)
language plpgsql as $$
declare found_ record;
begin
    perform set_config('app.facility', '-1', true);
    select c.facility, f.name as facility_name, f.code as facility_code, 'client:' || c.name as account, c.name,
           array['client'] as roles, null::text as practitioner, null::text as patient, c.scopes,
           c.xmin::text::bigint as stamp
    into found_
    from client c join facility f on f.key = c.facility
    where p_client and c.token_hash = p_hash and c.revoked is null;
    if not p_client then
        select s.facility, f.name as facility_name, f.code as facility_code, s.account, coalesce(a.name, '') as name,
               case when s.patient is not null then array['patient'] else a.roles end as roles,
               a.practitioner, s.patient, null::text as scopes,
               (s.xmin::text::bigint << 31) # coalesce(a.xmin::text::bigint, 0) as stamp
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

-- Binds the transaction to the facility of a token whose holder is still who she was when the stamp was read;
-- otherwise refuses (BH401). Always null, so that it can stand as the LIMIT of a statement, which PostgreSQL
-- computes before it reads a row: what is asked is then read as her, or not at all.
create function enter(p_hash bytea, p_stamp bigint) returns bigint language plpgsql as $$
declare facility_ int; seen_ timestamptz;
begin
    perform set_config('app.facility', '-1', true);
    select c.facility into facility_ from client c
    where c.token_hash = p_hash and c.revoked is null and c.xmin::text::bigint = p_stamp;
    if facility_ is null then
        select s.facility, s.seen into facility_, seen_ from session s left join account a on a.id = s.account
        where s.token_hash = p_hash and s.ends > now() and coalesce(a.active, true)
          and (s.xmin::text::bigint << 31) # coalesce(a.xmin::text::bigint, 0) = p_stamp;
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

-- The same for several callers of one facility, whose questions go together.
create function enter_all(p_hashes bytea[], p_stamps bigint[], p_facility int) returns bigint language plpgsql as $$
begin
    for n in 1 .. cardinality(p_hashes) loop
        perform enter(p_hashes[n], p_stamps[n]);
        if current_setting('app.facility') <> p_facility::text then
            raise exception using errcode = 'BH401', message = 'a caller of another facility';
        end if;
    end loop;
    return null;
end $$;

-- Binds a transaction to a facility, as `enter` does, for what the program itself writes (the audit of reads).
create function reach(p_facility int) returns bigint language plpgsql as $$
begin
    perform set_config('app.facility', p_facility::text, true);
    return null;
end $$;
