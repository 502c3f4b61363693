-- The patient is told of a broken glass by a message (core/access/glass_told.py). The row is its own outbox: written by
-- the transaction that breaks the glass, taken up by whoever sends, after the commit. Rows of before wait for nothing.
alter table broken_glass
    add told timestamptz,                               -- when everybody whom it concerns had the message
    add told_by text not null default '',               -- by which sender
    add told_to text[] not null default '{}',           -- who has it already: Patient/…, RelatedPerson/…
    add tell_next timestamptz,                          -- when it is tried next; null: not (any more)
    add tell_tries int not null default 0,
    add tell_trouble text not null default '';          -- why it did not leave
alter table broken_glass alter tell_next set default now();
create index broken_glass_untold on broken_glass (tell_next) where tell_next is not null;
