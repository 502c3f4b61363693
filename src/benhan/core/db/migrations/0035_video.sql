-- Who sits in the room of a consultation at a distance, and what the browsers in it tell each other to meet
-- (hospital/remote/room.py). The room bears the id of the request (a Task). Who was in it and when stays; words do not.
create table room_seat (
    facility int not null,
    id text not null,                                   -- its name at the relay; opens nothing
    room text not null,
    side text not null check (side in ('doctor', 'patient')),
    secret bytea not null,                              -- hash of what its holder shows
    session bytea not null,                             -- hash of the token of the session that it hangs on
    account text not null,
    relation text not null default '',                  -- in which somebody sits there for the patient
    by_link boolean not null default false,
    taken timestamptz not null default now(),
    heard timestamptz not null default now(),           -- when its holder was there last
    left_at timestamptz,
    why text not null default '',
    primary key (facility, id)
);
create unique index room_seat_secret on room_seat (secret);
create unique index room_seat_one on room_seat (facility, room, side) where left_at is null;
create table room_word (
    facility int not null,
    number bigint generated always as identity,
    seat text not null,                                 -- for whom
    said text not null,
    primary key (facility, seat, number)
);
-- A link by which the patient goes to the same room in another browser, once.
create table room_pass (
    hash bytea primary key,
    facility int not null,
    room text not null,
    session bytea not null,
    ends timestamptz not null,
    used timestamptz
);

do $$
declare name text;
begin
    foreach name in array array['room_seat', 'room_word', 'room_pass'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
