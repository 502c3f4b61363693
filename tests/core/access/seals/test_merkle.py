"""The tree is that of RFC 6962, and its proofs prove."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from benhan.core.access.seals.merkle import (
    EMPTY,
    STEP,
    Edge,
    consistency,
    consistent,
    edge_places,
    includes,
    inclusion,
    leaf,
    node,
)  # fmt: skip
from benhan.core.access.seals.rows import canonical, pack, unpack

#: Leaves and roots of the test vectors of Certificate Transparency (google/certificate-transparency, BSD).
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
LEAVES = [leaf(str(n).encode()) for n in range(70)]


async def of_all(height: int, place: int) -> bytes:
    edge = Edge()
    edge.add(LEAVES[place << height : (place + 1) << height])
    return edge.root()


def root_of(size: int) -> bytes:
    edge = Edge()
    edge.add(LEAVES[:size])
    return edge.root()


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(by_definition(leaves[:split]), by_definition(leaves[split:]))


def test_the_roots_are_those_of_the_published_vectors() -> None:
    for size, root in ROOTS.items():
        edge = Edge()
        edge.add(leaf(bytes.fromhex(one)) for one in INPUTS[:size])
        assert edge.root().hex() == root


def test_a_tree_that_grows_has_the_root_of_the_definition_at_every_size() -> None:
    edge = Edge()
    assert edge.root() == EMPTY
    for size in range(1, len(LEAVES) + 1):
        edge.add([LEAVES[size - 1]])
        assert edge.root() == by_definition(LEAVES[:size])


async def test_a_tree_goes_on_from_its_edge_alone() -> None:
    for size in range(len(LEAVES)):
        edge = Edge(size, [await of_all(*place) for place in edge_places(size)])
        edge.add(LEAVES[size:])
        assert edge.root() == root_of(len(LEAVES))


def test_an_edge_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="subtrees"):
        Edge(3, [EMPTY])


def test_whole_subtrees_are_told_once_when_they_become_whole() -> None:
    edge, told = Edge(), []
    leaves = [leaf(str(n).encode()) for n in range(1000)]
    for first in range(0, 1000, 37):
        told += edge.add(leaves[first : first + 37])
    assert [(one.height, one.place) for one in told] == [(STEP, 0), (STEP, 1), (STEP, 2)]
    assert told[1].hash == by_definition(leaves[256:512])


async def test_every_leaf_of_every_tree_is_proved_and_no_other() -> None:
    for size in range(1, 40):
        for number in range(size):
            path = await inclusion(number, size, of_all)
            assert includes(LEAVES[number], number, size, path, root_of(size))
            assert not includes(LEAVES[number + 1], number, size, path, root_of(size))
            assert not includes(LEAVES[number], number, size, path, root_of(size + 1))
            assert size == 1 or not includes(LEAVES[number], (number + 1) % size, size, path, root_of(size))


async def test_every_tree_is_proved_to_begin_with_each_former_one_and_no_other() -> None:
    for size in range(1, 40):
        for before in range(1, size + 1):
            proof = await consistency(before, size, of_all)
            assert consistent(before, size, root_of(before), root_of(size), proof)
            assert not consistent(before, size, root_of(before + 1), root_of(size), proof)
            assert not consistent(before, size, root_of(before), root_of(size + 1), proof)


async def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="no leaf"):
        await inclusion(5, 5, of_all)
    with pytest.raises(ValueError, match="never had"):
        await consistency(6, 5, of_all)


def test_the_bytes_of_a_row_are_plain_json_that_anybody_can_make() -> None:
    odd = "".join(map(chr, range(32))) + '"\\/\x7f \u2028 Nguyễn 😀'
    at = datetime(2026, 11, 22, 5, 0, 0, 120, UTC)
    row = [1, "735", 9, at, "bs.lan", None, "read", "Patient", "x", "x", True, odd, ""]
    plain = [*row[:3], "2026-11-22T05:00:00.000120Z", *row[4:]]
    assert canonical(row) == json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def test_leaves_are_read_as_they_were_kept() -> None:
    rows = [[1, "735", 9], [1, "736", 8]]
    kept = pack(rows, LEAVES[:2])
    assert len(kept) == 96
    assert [(one.xid, one.seq, one.hash) for one in unpack(kept)] == [(735, 9, LEAVES[0]), (736, 8, LEAVES[1])]
