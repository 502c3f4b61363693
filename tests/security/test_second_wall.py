"""The second wall as PostgreSQL itself describes it: no table, index, view or function of ours leaves a gap in it.

All of it is read from the catalogue, so whatever a later migration adds is held to it; what is an exception says why.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

import benhan
from benhan.app import create_app
from benhan.core.access.accounts import create_client, open_session
from benhan.core.db import PLATFORM, Database, Entry, EntryLapsed, WallOpen
from benhan.core.db.wall import OPEN_TABLES
from benhan.settings import Settings
from benhan.simulator import House
from tests.security.conftest import Dsn, Platform

#: Tables without a facility: what they hold is no facility's.
WITHOUT_FACILITY = {
    "back_off": "who is at the door is not known yet; logins and addresses, no record",
    "facility": "the facilities themselves: code, name, province",
    "feed_reader": "how far each reader of the feed is",
    "figure_news": "when sums were last counted",
    "migration": "which migrations were applied",
    "search_rules": "by which rules the platform indexes",
    "terms_loaded": "which terminology of the platform is loaded",
}
#: Unique keys without the facility: nobody chooses them, or what they say is the platform's to say.
WITHOUT_FACILITY_IN_KEY = {
    "account_login_key": "a login is one person's on the whole platform: she signs in before her facility is known",
    "account_pkey": "made by us at random", "account_grant_pkey": "made by us at random",
    "broken_glass_pkey": "made by us at random",
    "bulk_job_pkey": "made by us at random", "bulk_part_pkey": "a job's", "bulk_chunk_pkey": "a job's",
    "client_id_key": "made by us at random", "client_token_hash_key": "hash of a token made by us",
    "code_system_pkey": "key of the record", "concept_pkey": "key of the record", "concept_code": "key of the record",
    "concept_above_pkey": "key of the record", "resource_pkey": "a number of ours", "feed_pkey": "a number of ours",
    "search_parameter_pkey": "a number of ours", "reindex_pkey": "a number of ours", "reindex_part_pkey": "a job's",
    "invitation_pkey": "hash of a token made by us", "handout_pkey": "hash of a token made by us",
    "outside_link_pkey": "as a login: nobody is known yet",
    "passkey_pkey": "made by the authenticator at random", "personal_link_pkey": "hash of a token made by us",
    "person_pkey": "made by us at random", "phone_step_pkey": "hash of a token made by us",
    "relation_pkey": "of its RelatedPerson, made by us at random",
    "program_grant_pkey": "made by us at random", "program_launch_pkey": "hash of a token made by us",
    "program_token_pkey": "hash of a token made by us", "session_pkey": "hash of a token made by us",
    "sign_in_step_pkey": "hash of a token made by us", "signing_key_pkey": "the platform's own",
    "socket_token_pkey": "hash of a token made by us", "room_pass_pkey": "hash of a token made by us",
    "room_seat_secret": "hash of a token made by us",
}  # fmt: skip
_OURS = "c.relnamespace = 'public'::regnamespace"
_NAMED = "exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'facility')"


@pytest_asyncio.fixture(scope="module")
async def platform(fresh_platform: Platform) -> AsyncIterator[Dsn]:
    """A database of its own, whose catalogue may be tampered with."""
    async with fresh_platform("wall") as dsn:
        yield dsn


@pytest_asyncio.fixture
async def owner(platform: Dsn) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Its owner; what she does is taken back."""
    connection = await asyncpg.connect(platform())
    change = connection.transaction()
    await change.start()
    yield connection
    await change.rollback()
    await connection.close()


async def _names(owner: asyncpg.Connection[asyncpg.Record], sql: str) -> set[str]:
    return {row[0] for row in await owner.fetch(sql)}


# ── tables, keys, indexes ──────────────────────────────────────────────────────────────────────────────────────────


async def test_every_table_names_its_facility_or_says_why_not(owner: asyncpg.Connection[asyncpg.Record]) -> None:
    without = await _names(
        owner, f"select relname from pg_class c where {_OURS} and relkind not in ('i', 'S', 'v') and not {_NAMED}"
    )
    assert without == set(WITHOUT_FACILITY)
    loose = await _names(
        owner,
        f"select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid where {_OURS} and relkind = 'r'"
        " and a.attname = 'facility' and (a.atttypid <> 'int'::regtype or not a.attnotnull)",
    )
    assert not loose, "a facility is an int, and never unknown"


async def test_every_table_with_a_facility_has_forced_row_level_security(
    owner: asyncpg.Connection[asyncpg.Record],
) -> None:
    without = await _names(
        owner,
        f"select relname from pg_class c where {_OURS} and relkind in ('r', 'p') and {_NAMED}"
        " and not (relrowsecurity and relforcerowsecurity)",
    )
    assert without == set(OPEN_TABLES)


async def test_every_policy_lets_through_its_own_facility_and_what_all_read(
    owner: asyncpg.Connection[asyncpg.Record],
) -> None:
    """Each is asked for what it says, bound to facility 7, to none, and to the platform."""
    policies = await owner.fetch(
        "select polname, polrelid::regclass::text as place, polcmd::text as letter, polpermissive as adds,"
        " pg_get_expr(polqual, polrelid) as sees, pg_get_expr(polwithcheck, polrelid) as writes from pg_policy"
    )
    assert len(policies) > 40
    for policy in policies:
        name = f"{policy['polname']} on {policy['place']}"
        for text, shared in ((policy["sees"], policy["letter"] == "r"), (policy["writes"], False)):
            if text is None:
                continue
            for bound in ("7", "", "-1"):
                await owner.execute("select set_config('app.facility', $1, true)", bound)
                rows = await owner.fetch(f"select facility from (values (0), (7), (8)) v(facility) where {text}")
                let = {row["facility"] for row in rows} - ({0} if shared else set())
                own = {"7": {7}, "": set[int](), "-1": {0, 7, 8} - ({0} if shared else set())}[bound]
                assert let in (own, set()) if shared else let == own, (name, text, bound)
    guarded = {policy["place"] for policy in policies}
    for letter in "ard":
        covered = {policy["place"] for policy in policies if policy["letter"] in ("*", letter)}
        assert covered == guarded, "a table is closed to what no policy speaks of, by forgetting"


async def test_the_facility_is_in_every_unique_key_or_it_says_why_not(
    owner: asyncpg.Connection[asyncpg.Record],
) -> None:
    """A key that two facilities share tells one of them what the other has, and shuts it out."""
    without = await _names(
        owner,
        f"""select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indrelid
        where {_OURS} and {_NAMED} and i.indisunique and not exists (
            select from pg_attribute a where a.attrelid = c.oid and a.attname = 'facility' and a.attnum = any(i.indkey))
        """,
    )
    assert without == set(WITHOUT_FACILITY_IN_KEY)


async def test_every_index_compares_in_a_leakproof_way(owner: asyncpg.Connection[asyncpg.Record]) -> None:
    """Otherwise PostgreSQL reads every facility's rows before it applies the policy, and an error tells of them."""
    leaking = await owner.fetch(
        f"""select i.indexrelid::regclass::text as name, o.oprcode::text as compared from pg_index i
        join pg_class c on c.oid = i.indrelid cross join unnest(i.indclass) of(class)
        join pg_opclass k on k.oid = of.class
        join pg_amop m on m.amopfamily = k.opcfamily and m.amoplefttype = k.opcintype and m.amoprighttype = k.opcintype
        join pg_operator o on o.oid = m.amopopr join pg_proc p on p.oid = o.oprcode
        where {_OURS} and c.relrowsecurity and not p.proleakproof"""
    )
    assert not leaking
    computed = await _names(
        owner,
        "select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indrelid"
        f" where {_OURS} and c.relrowsecurity and 0 = any(i.indkey)",
    )
    assert not computed, "an index over an expression runs a function on rows of every facility"


# ── views and functions ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_view_asks_as_whoever_looks_through_it(owner: asyncpg.Connection[asyncpg.Record]) -> None:
    views = f"select relname from pg_class c where {_OURS} and relkind = 'v'"
    invoked = " and not coalesce(reloptions::text[] && array['security_invoker=true', 'security_invoker=on'], false)"
    assert not await _names(owner, views + invoked)
    kept = await _names(owner, f"select relname from pg_class c where {_OURS} and relkind in ('m', 'f')")
    assert not kept, "what is kept of a query, or fetched from elsewhere, asks no policy"
    await owner.execute("create view seen as select * from resource")
    assert await _names(owner, views + invoked) == {"seen"}, "the question finds what it is asked for"


async def test_no_function_lends_its_owners_rights(owner: asyncpg.Connection[asyncpg.Record]) -> None:
    """One that must would name its search path, or whoever calls it chooses which tables it reads."""
    lending = (
        "select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef"
        " and not exists (select from unnest(p.proconfig) set where set like 'search_path=%')"
    )
    assert not await _names(owner, lending)
    await owner.execute("create function lent() returns bigint language sql security definer as 'select 1::bigint'")
    assert await _names(owner, lending) == {"lent"}, "the question finds what it is asked for"


async def test_the_facility_is_bound_for_the_transaction_alone(owner: asyncpg.Connection[asyncpg.Record]) -> None:
    """Bound for the session it would wait on the connection for whoever comes next."""
    texts = {row["proname"]: row["prosrc"] for row in await owner.fetch(
        "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace and prosrc ~ 'app.facility'"
    )}  # fmt: skip
    source = Path(benhan.__file__).parent
    texts |= {str(path): path.read_text("utf-8") for path in source.rglob("*.py") if "/r4/" not in path.as_posix()}
    binding = {name: found for name, text in texts.items() if (found := re.findall(r"set_config\(.*", text))}
    assert {"reach", "enter", "holder", "take_step"} <= set(binding)
    for name, calls in binding.items():
        for call in calls:
            assert re.search(r", true\)", call), (name, call)
    for name, text in texts.items():
        assert not re.search(r"\bset\s+(session\s+)?[\"']?(app\.|role\b|row_security)", text), name


# ── what is left on a connection ───────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_that_is_given_back_reaches_nothing(dsn: Dsn, hospital: House) -> None:
    """One connection, used in every way there is: after each of them it stands at no facility."""
    single = await Database.connect(dsn("benhan_app"), size=1)

    async def reached() -> set[int]:
        rows = await single.ask("select distinct facility from resource where facility <> 0")
        assert not (await single.ask("select current_setting('app.facility', true) as at"))[0]["at"]
        return {row["facility"] for row in rows}

    async with single.transaction(hospital.key) as tx:
        token = await open_session(tx, hospital.key, account=hospital.accounts[0].id, hours=1)
        program = await create_client(tx, hospital.key, "tường thứ hai", "system/*.r")
    assert await reached() == set()
    for facility in (hospital.key, PLATFORM):
        with pytest.raises(asyncpg.UndefinedTableError):
            async with single.transaction(facility) as tx:
                assert await tx.fetchval("select count(*) from resource where facility = $1", hospital.key)
                await tx.execute("select * from khong_co")
        assert await reached() == set()
    for secret, is_program in ((token, False), (program, True)):
        entry = await _entry(single, secret, is_program)
        assert await reached() == set()
        [row] = await single.look(entry, "select count(*) as n from resource", [])
        assert row["n"]
        assert await reached() == set()
        with pytest.raises(EntryLapsed):
            await single.look(Entry(entry.token, entry.stamp + 1, entry.facility), "select 1 as one", [])
        assert await reached() == set()
        tx = single.request()
        tx.entry = entry
        assert await tx.fetchval("select count(*) from resource")
        await tx.roll_back()
        assert await reached() == set()
    async with single.transaction() as tx:
        await tx.reach(PLATFORM)
        await tx.execute("select reach($1)", hospital.key)
    assert await reached() == set()
    await single.close()


async def _entry(database: Database, token: str, program: bool) -> Entry:
    hashed = sha256(token.encode()).digest()
    [row] = await database.ask("select facility, stamp from holder($1, $2)", hashed, program)
    return Entry(hashed, row["stamp"], row["facility"])


# ── who may connect ────────────────────────────────────────────────────────────────────────────────────────────────

#: What makes a role one that the wall does not hold, and how the refusal names it.
_HELD_BY_NOTHING = {
    "superuser": ("alter role {r} superuser", "superuser"),
    "bypassrls": ("alter role {r} bypassrls", "bypassrls"),
    "replication": ("alter role {r} replication", "replication"),
    "makes roles": ("alter role {r} createrole", "createrole"),
    "member of the superuser": ("grant postgres to {r}", "→ postgres: superuser"),
    "member, without inheriting": ("alter role {r} noinherit; grant postgres to {r}", "→ postgres: superuser"),
    "member of a member": ("grant {r}_up to {r}; alter role {r}_up bypassrls", "_up: bypassrls"),
    "owner of a table": ("alter table series owner to {r}", "owner"),
    "owner of a function": ("alter function reach(int) owner to {r}", "owner"),
    "owner of the schema": ("alter schema public owner to {r}", "owner"),
    "runs programs": ("grant pg_execute_server_program to {r}", "files of the server"),
    "truncates": ("grant truncate on audit to {r}", "truncate"),
    "adds triggers": ("grant trigger on token to {r}", "trigger"),
    "refers": ("grant references on account to {r}", "references"),
    "makes functions": ("grant create on schema public to {r}", "create in schema public"),
    "a table is not forced": ("alter table token no force row level security", "token"),
    "a table has none": ("alter table account disable row level security", "account"),
    "a new table forgot it": ("create table newcomer (facility int not null)", "newcomer"),
}


@pytest_asyncio.fixture
async def role(fresh_platform: Platform) -> AsyncIterator[tuple[str, Dsn]]:
    """A role like `benhan_app`, on a platform of its own that is gone afterwards."""
    async with fresh_platform("role") as dsn:
        name = (await _one(dsn, "select current_database()"))[-40:] + "_app"
        await _one(dsn, f"create role {name} login; create role {name}_up; grant benhan_app to {name}")
        yield name, dsn
        for one in (name, f"{name}_up"):
            await _one(dsn, f"reassign owned by {one} to postgres; drop owned by {one}; drop role {one}")


async def _one(dsn: Dsn, sql: str) -> str:
    connection = await asyncpg.connect(dsn())
    try:
        return str(await connection.fetchval(sql)) if sql.startswith("select") else await connection.execute(sql)
    finally:
        await connection.close()


async def test_a_role_that_the_wall_holds_is_let_in(role: tuple[str, Dsn]) -> None:
    name, dsn = role
    for user in (name, "benhan_app"):
        await (await Database.connect(dsn(user), size=1)).close()


@pytest.mark.parametrize("fault", _HELD_BY_NOTHING)
async def test_a_role_that_could_step_around_the_wall_is_refused(role: tuple[str, Dsn], fault: str) -> None:
    (name, dsn), (change, named) = role, _HELD_BY_NOTHING[fault]
    await _one(dsn, change.format(r=name))
    with pytest.raises(WallOpen, match=re.escape(named)):
        await Database.connect(dsn(name), size=1)


async def test_a_superuser_in_the_clothes_of_another_is_refused(platform: Dsn) -> None:
    """`role=benhan_app` in the address: one `reset role` and she is herself again."""
    with pytest.raises(WallOpen, match="superuser"):
        await Database.connect(f"{platform()}&role=benhan_app", size=1)


async def test_the_server_does_not_start_with_such_a_role(platform: Dsn) -> None:
    app = create_app(Settings(mode="demo", secure_cookies=False, dsn=SecretStr(platform())))
    with pytest.raises(WallOpen, match=r"từ chối chạy .*superuser"):
        async with app.router.lifespan_context(app):
            pass


async def test_benhan_up_says_so_and_ends(platform: Dsn) -> None:
    given = {
        "BENHAN_DSN": platform(), "BENHAN_PUBLIC_URL": "https://benhan.example", "BENHAN_AUDIT_KEY": "/khong/co.pem",
        "BENHAN_AUDIT_KEEPER": "/khong/co",
    }  # fmt: skip
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from benhan.cli import main; main()", "up", env={**os.environ, **given},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _nothing = await ran.communicate()
    assert ran.returncode == 2, told.decode()
    assert "superuser" in told.decode()
