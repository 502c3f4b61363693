-- The figures of the province, counted from the change feed (benhan.province.population).
--
-- A visit becomes one row of facts; what its facts count for is added to `figure`, what its former facts counted for
-- is taken away, in the transaction that advances the reader. So counting again changes nothing, a crash loses
-- nothing, and a page never counts visits: it adds up a few thousand small rows however many visits there are
-- (a hospital year of 436,000 visits keeps some 320,000 sums; a page reads at most a few thousand of them).
--
-- Personal data: none. `visit_fact` holds no patient, name or date of birth; its `visit` is the id of an Encounter,
-- which says nothing without the record store and its permission. It is still kept behind row-level security (the
-- facility itself, or the counting service, which reaches the platform). `figure` holds sums only and is read by the
-- province's page behind its permission; counts of diagnoses below 3 are not shown (province/population/rules.py).

create table visit_fact (
    facility int not null,
    visit text collate "C" not null,
    day date not null,                  -- of arrival, at the hospital
    hour smallint not null,             -- of arrival
    channel text collate "C" not null,  -- online (web, Zalo), booked (telephone, desk), walk-in
    wait smallint,                      -- minutes from arrival to the doctor; null: not seen yet
    diagnosis text collate "C",         -- ICD-10 of the main diagnosis; null: the visit has not ended
    outcome text collate "C",           -- home, revisit, refer, admit
    primary key (facility, visit)
);
alter table visit_fact enable row level security;
alter table visit_fact force row level security;
create policy write on visit_fact using (in_reach(facility)) with check (in_reach(facility));

-- How often something happened: facility 0 is the whole province. Grains: d a day, m a month, y a year; a
-- week is 7 days. Measures and their keys: hour "07"; channel; wait "025" (from 25 to under 30 minutes); wait-hour
-- "07:025"; diagnosis "J06.9"; outcome.
create table figure (
    province smallint not null,
    facility int not null,
    grain "char" not null,
    measure text collate "C" not null,
    start date not null,
    key text collate "C" not null,
    n int not null,
    primary key (province, facility, grain, measure, start, key)
) with (fillfactor = 80);

-- When the figures last changed, for the pages that stand open.
create table figure_news (single boolean primary key default true check (single), at timestamptz not null default now());
insert into figure_news default values;

grant select, insert, update, delete on visit_fact, figure to benhan_app;
grant select, update on figure_news to benhan_app;
