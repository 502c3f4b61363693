-- What the booking pages and the schedule editor count. Index rows only, never record content.

-- name: slots-by-day
-- Slots in a state by day and schedule: $1 facility, $2 $3 from and before, $4 Slot.start, $5 Slot.status,
-- $6 hash of the state, $7 Slot.schedule, $8 hashes of the schedules.
select (slot.lo at time zone 'Asia/Ho_Chi_Minh')::date as day, place.hash as schedule, count(*) as slots
from token place
join span slot on slot.rid = place.rid and slot.param = $4 and slot.lo >= $2 and slot.lo < $3
join token state on state.rid = place.rid and state.param = $5 and state.hash = $6
where place.facility = $1 and place.param = $7 and place.hash = any($8::bigint[])
group by 1, 2
