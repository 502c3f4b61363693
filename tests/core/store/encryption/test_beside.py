"""What lies beside the records is encrypted too: broken glasses, telephones that ask for a code, what jobs do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from benhan.core.access import Role, Subject, glass, glass_review, phone_steps
from benhan.core.access.accounts import hashed
from benhan.core.access.glass import Asked, Whom
from benhan.core.db import Database, Transaction
from benhan.core.kit import clock
from benhan.core.store import encrypting, export, jobs
from benhan.core.vault import Damaged, rotating, use
from tests.core.access.staff_people import session_of, somebody
from tests.core.store.elsewhere import Elsewhere
from tests.core.store.encryption.lying import MASTER
from tests.entrance import emergency

COLUMNS = (
    ("broken_glass", "shown"), ("broken_glass", "words"), ("phone_step", "phone"), ("bulk_job", "request"),
    ("bulk_job", "asked"),
)  # fmt: skip


class Kept(msgspec.Struct, frozen=True):
    """What was kept of one person, and under which names: her glass, her step, her job."""

    mark: str
    number: str
    phone: str
    glass: str
    token: str
    job: str


def reviewer() -> Subject:
    return Subject(account="r", name="", facility=1, facility_name="", roles=frozenset({Role.REVIEWER}))


async def keep(place: Elsewhere, n: int) -> Kept:
    """Somebody for whom the glass is broken, whose telephone asks for a code, who is exported by her number."""
    mark, number, phone = f"nói riêng {n}", f"07930{n:07d}", f"09{n:08d}"
    one = await somebody(place.database, 1, Role.DOCTOR)
    await emergency.with_application(place.database, one)
    session = hashed(await session_of(place.database, one)).hex()[:16]
    who = Subject(
        account=one.id, name="", facility=1, facility_name="", roles=frozenset({Role.DOCTOR}), session=session
    )  # fmt: skip
    filters = {"Patient": [{"identifier": [number]}]}
    async with place.database.transaction(1) as tx:
        asked = Asked("cap-cuu", mark, 1)
        await glass.break_glass(tx, who, Whom(f"p{n}", f"Vàng Thị Mỷ · {number}"), asked, "code", clock.now())
        broken = await tx.fetchval("select id from broken_glass where account = $1", one.id)
        job = await jobs.begin(
            tx, place.loader, "export", f"/$export?_typeFilter=Patient?identifier={number}",
            export.Asked(level="system", types=("Patient",), filters=filters), clock.now(),
        )  # fmt: skip
        token = await phone_steps.begin_proved(tx, 1, phone, "z")
    return Kept(mark, number, phone, broken, token, job)


async def read(place: Elsewhere, of: Kept) -> None:
    """It is read as it was written."""
    async with place.database.transaction(1) as tx:
        [broken] = [one for one in await glass_review.waiting(tx, reviewer()) if one.id == of.glass]
        job = await jobs.job(tx, place.loader, of.job)
        assert (broken.words, broken.shown) == (of.mark, f"Vàng Thị Mỷ · {of.number}")
        assert job.request.endswith(of.number)
        assert msgspec.json.decode(job.asked, type=export.Asked).filters == {"Patient": [{"identifier": [of.number]}]}
        proved = await phone_steps.proved(tx, of.token)
        assert proved and proved.phone == of.phone


async def lies(place: Elsewhere, table: str, column: str) -> list[str]:
    kept = await place.value(f"select array_agg({column}) from {table}")
    assert isinstance(kept, list)
    return kept


async def assert_hidden(place: Elsewhere, of: Kept) -> None:
    """Whoever has the tables finds nothing of it; the audit neither."""
    for table in ("broken_glass", "phone_step", "bulk_job", "audit"):
        for mark in (of.mark, of.number, of.phone):
            assert await place.value(f"select count(*) from {table} t where t::text like '%' || $1 || '%'", mark) == 0
    for table, column in COLUMNS:
        assert all(one.startswith("encrypted:") for one in await lies(place, table, column)), (table, column)


async def test_it_lies_encrypted_and_is_read_as_it_was_written(place: Elsewhere) -> None:
    of = await keep(place, 1)
    await assert_hidden(place, of)
    await read(place, of)


async def _queue(tx: Transaction, place: Elsewhere, of: Kept) -> object:
    return await glass_review.waiting(tx, reviewer())


async def _proved(tx: Transaction, place: Elsewhere, of: Kept) -> object:
    return await phone_steps.proved(tx, of.token)


async def _job(tx: Transaction, place: Elsewhere, of: Kept) -> object:
    return await jobs.job(tx, place.loader, of.job)


@pytest.mark.parametrize(
    ("table", "column", "by", "reads"),
    [
        ("broken_glass", "shown", "glass", _queue), ("broken_glass", "words", "glass", _queue),
        ("phone_step", "phone", "token", _proved), ("bulk_job", "request", "job", _job),
        ("bulk_job", "asked", "job", _job),
    ],
)  # fmt: skip
async def test_copied_to_another_row_it_does_not_open(
    place: Elsewhere, table: str, column: str, by: str,
    reads: Callable[[Transaction, Elsewhere, Kept], Awaitable[object]],
) -> None:  # fmt: skip
    one, other = await keep(place, 1), await keep(place, 2)
    key = "encode({}.token_hash, 'hex')" if by == "token" else "{}.id"
    first, second = (hashed(each.token).hex() if by == "token" else getattr(each, by) for each in (one, other))
    async with place.database.transaction(1) as tx:
        assert await reads(tx, place, other)
    await place.run(
        f"update {table} t set {column} = s.{column} from {table} s"
        f" where {key.format('s')} = '{first}' and {key.format('t')} = '{second}'"
    )
    with pytest.raises(Damaged, match=f"{table}/1/"):
        async with place.database.transaction(1) as tx:
            await reads(tx, place, other)


async def test_what_was_there_before_the_keys_is_read_and_then_encrypted(
    place: Elsewhere, without_master: None
) -> None:
    of = await keep(place, 1)
    assert await lies(place, "phone_step", "phone") == [of.phone]
    use(MASTER)
    place.database.kept.clear()
    await read(place, of)
    owner = await Database.as_owner(place.dsn("postgres"))
    done = await encrypting.encrypt(owner, 1, lambda _turn: None)
    await owner.close()
    assert done.changed >= len(COLUMNS)
    for table, column in COLUMNS:
        assert all(one.startswith("encrypted:") for one in await lies(place, table, column)), (table, column)
    await read(place, of)


async def test_a_rotation_takes_it_along(place: Elsewhere) -> None:
    of = await keep(place, 1)
    before = {(table, column): await lies(place, table, column) for table, column in COLUMNS}
    owner = await Database.as_owner(place.dsn("postgres"))
    await rotating.rotate(owner, MASTER, 1)
    await encrypting.encrypt(owner, 1, lambda _turn: None)
    for table, column in COLUMNS:
        assert not set(await lies(place, table, column)) & set(before[table, column])
    assert (await encrypting.encrypt(owner, 1, lambda _turn: None)).changed == 0
    await owner.close()
    await assert_hidden(place, of)
    await read(place, of)
