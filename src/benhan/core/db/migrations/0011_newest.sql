-- A search without an order of its own gives the newest records first: by key, which never changes, so that its pages
-- neither repeat nor skip a record that is written meanwhile (`store/statement.py`).
create index resource_newest on resource (facility, type, key desc) where body is not null;
