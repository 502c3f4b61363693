-- when: select not exists (select from resource where indexed = 0)
--
-- Contracts: no record is behind any more, so no program that calls the former `put` serves this database.

drop function put(
    int, smallint, text, int, timestamptz, text, bytea, "char", text, smallint[], bigint[], smallint[], text[], text[],
    smallint[], timestamptz[], timestamptz[], text[]
);
