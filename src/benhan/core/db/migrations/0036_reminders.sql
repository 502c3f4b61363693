-- Prescriptions of which a patient wants to be reminded (patient/reminders.py). The messages lie in the outbox.
create table medicine_reminder (
    facility int not null,
    patient text not null,
    visit text not null,                                -- in which they were prescribed
    times text[] not null,                              -- MORN, NOON, AFT, NIGHT
    until date not null,                                -- the last day of them
    made_by text not null,
    made timestamptz not null default now(),
    primary key (facility, patient, visit)
);

do $$
begin
    alter table medicine_reminder enable row level security;
    alter table medicine_reminder force row level security;
    create policy write on medicine_reminder using (in_reach(facility)) with check (in_reach(facility));
    grant select, insert, update, delete on medicine_reminder to benhan_app;
end $$;
