-- when: select true
--
-- Contracts: no program that calls these serves any more.

drop function put_many(
    int, smallint[], text[], timestamptz[], text[], bytea[], text[],
    int[], smallint[], bigint[], int[], smallint[], text[], text[], int[], smallint[], timestamptz[], timestamptz[],
    int[], smallint[], bigint[], float8[], float8[], int[], text[], smallint, int
);
drop function put_new(
    int, timestamptz, text, smallint, int, smallint[], text[], text[], bytea[],
    int[], smallint[], bigint[], int[], smallint[], text[], text[], int[], smallint[], timestamptz[], timestamptz[],
    int[], smallint[], bigint[], float8[], float8[], int[], text[]
);
