-- A locked screen is opened by a PIN of its holder; the house says how soon an idle one locks.

alter table account add pin_hash text;
alter table session add tries int not null default 0;  -- wrong PINs
create table facility_rule (facility int primary key, lock_minutes int not null);
alter table facility_rule enable row level security;
alter table facility_rule force row level security;
create policy write on facility_rule using (in_reach(facility)) with check (in_reach(facility));
grant select, insert, update on facility_rule to benhan_app;
