-- What the desk counts. The store's index rows are read, never record content; row-level security applies as ever.

-- name: waiting
-- People who wait today, by room: $1 facility, $2 $3 the day, $4 Task.status, $5 waiting, $6 Task.authored-on,
-- $7 Task.location.
select place.hash as room, count(*) as people
from token state
join span made on made.rid = state.rid and made.param = $6 and made.lo >= $2 and made.lo < $3
join token place on place.rid = state.rid and place.param = $7
where state.facility = $1 and state.param = $4 and state.hash = $5
group by place.hash

-- name: received
-- Visits begun today, by quarter of an hour, with the share that was booked and the seconds each took at the desk:
-- $1 facility, $2 $3 the day, $4 Encounter.date, $5 Encounter.status, $6 cancelled, $7 Encounter.appointment,
-- $8 Encounter.location-period (the stay at the desk is the one that began before the visit). The laterals keep the
-- work to today's visits, whatever lies in the years before.
select floor(extract(epoch from visit.lo - $2) / 900)::int as quarter, count(*) as people,
       count(*) filter (where said.booked) as booked,
       array_agg(desk.seconds) filter (where desk.seconds is not null) as seconds
from span visit
cross join lateral (
    select bool_or(t.param = $7) as booked, bool_or(t.param = $5 and t.hash = $6) as cancelled
    from token t where t.rid = visit.rid
) said
left join lateral (
    select extract(epoch from stay.hi - stay.lo)::float8 as seconds from span stay
    where stay.rid = visit.rid and stay.param = $8 and stay.lo < visit.lo order by stay.lo limit 1
) desk on true
where visit.facility = $1 and visit.param = $4 and visit.lo >= $2 and visit.lo < $3 and said.cancelled is not true
group by 1

-- name: expected
-- Bookings of today whose person has not come yet, by quarter of an hour: $1 facility, $2 $3 the day,
-- $4 Appointment.date, $5 Appointment.status, $6 booked.
select floor(extract(epoch from booking.lo - $2) / 900)::int as quarter, count(*) as people
from span booking
cross join lateral (select bool_or(t.param = $5 and t.hash = $6) as open from token t where t.rid = booking.rid) said
where booking.facility = $1 and booking.param = $4 and booking.lo >= $2 and booking.lo < $3 and said.open
group by 1

-- name: latest
-- Ids of the tasks made last today, newest first: $1 facility, $2 $3 the day, $4 Task.authored-on, $5 how many.
select task.id from span made join resource task on task.key = made.rid
where made.facility = $1 and made.param = $4 and made.lo >= $2 and made.lo < $3
order by made.lo desc, made.rid desc limit $5

-- name: last_number
-- The last number of a gapless series: $1 facility, $2 series.
select value from series where facility = $1 and name = $2
