-- An index key is exchanged while everybody works (core/store/index_key.py): first every process looks for it too, then
-- all write with it, then every record is indexed by it (`complete`).
alter table data_key add writes boolean not null default true;
