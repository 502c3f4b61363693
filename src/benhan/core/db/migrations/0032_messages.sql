-- Messages to patients that wait, leave, or have left (patient/outbox.py). A row says what it is about and nothing of it:
-- the message is made of the record as it is when it leaves.
create table message (
    facility int not null,
    id text not null,
    kind text not null,
    cause text not null,                                -- of which there is one message: Appointment/… at its time
    subject text not null,                              -- the record it is made of: Appointment/…, Task/…, Patient/…
    made timestamptz not null default now(),
    ends timestamptz not null,                          -- of no use after
    next timestamptz,                                   -- when it is tried next; null: no more
    tries int not null default 0,
    trouble text not null default '',                   -- why it did not leave (yet)
    primary key (facility, id),
    unique (facility, cause)
);
create index message_next on message (next) where next is not null;
create index message_made on message (facility, made);
-- Whom it goes to. The row is written before it is sent: whoever dies in between has sent it, as far as we know.
create table message_sent (
    facility int not null,
    message text not null,
    whom text not null,                                 -- Patient/…, RelatedPerson/…, or the booking of a guest
    begun timestamptz not null default now(),
    sent timestamptz,                                   -- null: nobody knows whether it left
    by text not null default '',
    number text not null default '',                    -- what it is called there
    received timestamptz,                               -- it came to her telephone
    primary key (facility, message, whom)
);
create index message_sent_number on message_sent (facility, number) where number <> '';
-- Kinds of messages that a patient does not want.
create table message_refused (
    facility int not null,
    patient text not null,
    kind text not null,
    at timestamptz not null default now(),
    primary key (facility, patient, kind)
);

do $$
declare name text;
begin
    foreach name in array array['message', 'message_sent', 'message_refused'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy write on %I using (in_reach(facility)) with check (in_reach(facility))', name);
        execute format('grant select, insert, update, delete on %I to benhan_app', name);
    end loop;
end $$;
