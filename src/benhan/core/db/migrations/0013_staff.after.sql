-- when: select true
-- Failures are counted by what was tried (`back_off`), whether there is such an account or not.
alter table account drop column failures, drop column locked_until;
