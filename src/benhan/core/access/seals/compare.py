"""What was done to the rows under one seal: removed, inserted, changed, moved. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from benhan.core.access.seals.findings import Fault
from benhan.core.access.seals.rows import SEQ, XID, Leaf, leaf_of

#: So many rows at most are tried in each other's places.
MOST_MOVED: Final = 200

Place = tuple[int, int]
Said = tuple[Fault, dict[str, object]]


def differences(sealed: Sequence[Leaf], rows: Sequence[Any], hashes: Sequence[bytes]) -> Iterator[Said]:
    """Tell the difference between the leaves under a seal and the rows that stand in their place now.

    Rows have the columns of `rows.COLUMNS`; `hashes` are theirs.
    """
    was = {(one.xid, one.seq): one.hash for one in sealed}
    is_ = {(int(row[XID]), row[SEQ]): (hash_, row) for row, hash_ in zip(rows, hashes, strict=True)}
    lost = {place: hash_ for place, hash_ in was.items() if place not in is_ or is_[place][0] != hash_}
    strange = {place: row for place, (hash_, row) in is_.items() if was.get(place) != hash_}
    for came_from, stands in list(_moves(lost, strange)):
        lost.pop(came_from, None)
        strange.pop(stands, None)
        yield Fault.MOVED, {"rows": came_from[1], "to": stands[1]}
    for place in sorted(lost.keys() | strange.keys()):
        if place in lost and place in strange:
            yield Fault.CHANGED, {"rows": place[1]}
        elif place in lost:
            yield Fault.REMOVED, {"rows": place[1]}
        else:
            yield Fault.INSERTED, {"rows": place[1]}


def _moves(lost: dict[Place, bytes], strange: dict[Place, Any]) -> Iterator[tuple[Place, Place]]:
    """Rows that are as they were sealed, but for where they stand."""
    if len(lost) > MOST_MOVED or len(strange) > MOST_MOVED:
        return
    for stands, row in strange.items():
        for came_from, hash_ in lost.items():
            if came_from != stands and leaf_of(_as_if_at(row, came_from)) == hash_:
                yield came_from, stands
                break


def _as_if_at(row: Any, place: Place) -> list[Any]:
    values = list(row)
    values[XID], values[SEQ] = str(place[0]), place[1]
    return values
