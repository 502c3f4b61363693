"""Kill -9 the deliverer in the middle: every event arrives, each record's versions in their order."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from tests.core.store.people import person
from tests.core.store.subscriptions.hooks import subscribe, until
from tests.standins.hook_receiver import Receiver

COMMAND = [sys.executable, "-m", "tests.core.store.subscriptions.deliver_alone"]
RECORDS, VERSIONS, KILLS = 6, 8, 1


async def test_killed_in_the_middle_nothing_is_lost_and_the_order_is_kept(
    quiet: Database, quiet_dsn: str, staff: Subject, program: Subject, hook: str, receiver: Receiver
) -> None:
    await subscribe(quiet, program, "Patient?name=Rút&gender=female,male", f"{hook}/kill")
    receiver.delay = 0.01
    chance = random.Random(20261122)
    expected = {(id_, version) for id_ in await _written(quiet, staff) for version in range(1, VERSIONS + 1)}

    def told() -> list[tuple[str, int]]:
        return [(one.json["id"], int(one.json["meta"]["versionId"])) for one in receiver.of_path("/kill")]

    for _kill in range(KILLS):
        before = len(receiver.arrived)
        with _delivering(quiet_dsn):
            await until(lambda: len(receiver.arrived) > before + chance.randint(2, 9))  # noqa: B023 - waited for at once
    assert not expected <= set(told())  # the kills came in the middle
    with _delivering(quiet_dsn):
        await until(lambda: expected <= set(told()))
    for id_ in {id_ for id_, _version in expected}:
        first_told = list(dict.fromkeys(version for one, version in told() if one == id_))
        assert first_told == list(range(1, VERSIONS + 1))
    assert len(told()) <= len(expected) + KILLS  # at most what was in the air is told again


async def _written(quiet: Database, staff: Subject) -> set[str]:
    async def one(n: int) -> str:
        async with quiet.transaction(staff.facility) as tx:
            kept = await store.create(tx, staff, person(f"Rút Phích {n}"))
        for version in range(1, VERSIONS):
            changed = msgspec.structs.replace(kept, birthDate=f"19{10 + version}")
            async with quiet.transaction(staff.facility) as tx:
                await store.update(tx, staff, changed, if_match=str(version))
        assert kept.id
        return kept.id

    return set(await asyncio.gather(*(one(n) for n in range(RECORDS))))


@contextmanager
def _delivering(dsn: str) -> Iterator[None]:
    """A deliverer for the length of the block, killed -9 at its end."""
    process = subprocess.Popen([*COMMAND, dsn])
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
