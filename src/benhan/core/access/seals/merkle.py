"""The Merkle tree of RFC 6962, section 2.1: hashes of leaves and nodes, the growing right edge, proofs. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

#: The root of a tree without leaves.
EMPTY: Final = sha256(b"").digest()
#: Hashes of whole subtrees are kept at every height that is a multiple of this: one for 256 leaves, for 65,536, …
STEP: Final = 8

#: Gives the hash of the whole subtree of 2**height leaves that is the `place`-th of its height.
Subtree = Callable[[int, int], Awaitable[bytes]]


def leaf(data: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps it from being taken for a node."""
    return sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two."""
    return sha256(b"\x01" + left + right).digest()


class Whole(msgspec.Struct, frozen=True):
    """A subtree that is complete and will never change: 2**height leaves, the `place`-th of its height."""

    height: int
    place: int
    hash: bytes


class Edge:
    """The right edge of a growing tree: the whole subtrees it consists of, the largest first."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(hashes):
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} subtrees at its edge, not {len(hashes)}")
        self.size = size
        self.hashes = list(hashes)

    def add(self, leaves: Iterable[bytes]) -> list[Whole]:
        """Append hashes of leaves; gives the subtrees that became whole, at the heights that are kept."""
        hashes, size, whole = self.hashes, self.size, []
        for one in leaves:
            carried, height, rest = one, 0, size
            while rest & 1:
                carried = sha256(b"\x01" + hashes.pop() + carried).digest()
                height += 1
                rest >>= 1
                if height % STEP == 0:
                    whole.append(Whole(height, size >> height, carried))
            hashes.append(carried)
            size += 1
        self.size = size
        return whole

    def root(self) -> bytes:
        """The Merkle tree hash of everything appended."""
        if not self.hashes:
            return EMPTY
        *rest, root = self.hashes
        for one in reversed(rest):
            root = node(one, root)
        return root


def edge_places(size: int) -> list[tuple[int, int]]:
    """Height and place of the whole subtrees at the edge of a tree of this size, the largest first."""
    return [(height, (size >> height) - 1) for height in range(size.bit_length() - 1, -1, -1) if size >> height & 1]


async def inclusion(number: int, size: int, subtree: Subtree) -> list[bytes]:
    """The audit path of leaf `number` (from 0) in a tree of this size, the nearest sibling first.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= number < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {number}")
    return await _path(number, 0, size, subtree)


async def _path(number: int, first: int, size: int, subtree: Subtree) -> list[bytes]:
    if size == 1:
        return []
    left = _split(size)
    if number < left:
        return [*await _path(number, first, left, subtree), await tree_hash(first + left, size - left, subtree)]
    return [*await _path(number - left, first + left, size - left, subtree), await tree_hash(first, left, subtree)]


async def consistency(before: int, size: int, subtree: Subtree) -> list[bytes]:
    """The proof that a tree of this size begins with the tree of `before` leaves.

    Raises:
        ValueError: it never was of that size.
    """
    if not 0 < before <= size:
        raise ValueError(f"a tree of {size} leaves never had {before}")
    return await _sub_proof(before, 0, size, True, subtree)


async def _sub_proof(before: int, first: int, size: int, known: bool, subtree: Subtree) -> list[bytes]:
    if before == size:
        return [] if known else [await tree_hash(first, size, subtree)]
    left = _split(size)
    if before <= left:
        proof = await _sub_proof(before, first, left, known, subtree)
        return [*proof, await tree_hash(first + left, size - left, subtree)]
    proof = await _sub_proof(before - left, first + left, size - left, False, subtree)
    return [*proof, await tree_hash(first, left, subtree)]


async def tree_hash(first: int, size: int, subtree: Subtree) -> bytes:
    """The hash of leaves [first, first + size), where `first` is a multiple of the largest power of two in it."""
    hashes = [await subtree(height, (first >> height) + place) for height, place in edge_places(size)]
    return Edge(size, hashes).root()


def _split(size: int) -> int:
    """The largest power of two below size."""
    return 1 << (size - 1).bit_length() - 1


def includes(hashed: bytes, number: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path proves that the tree of this root has this hash as leaf `number` (RFC 9162, 2.1.3.2)."""
    if not 0 <= number < size:
        return False
    here, last, found = number, size - 1, hashed
    for one in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node(one, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node(found, one)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def consistent(before: int, size: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of root `new` begins with the one of root `old` (RFC 9162, 2.1.4.2)."""
    if not 0 < before <= size:
        return False
    if before == size:
        return not proof and old == new
    path = [old, *proof] if before & (before - 1) == 0 else list(proof)
    if not path:
        return False
    here, last = before - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    was = is_ = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            was, is_ = node(one, was), node(one, is_)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            is_ = node(is_, one)
        here, last = here >> 1, last >> 1
    return last == 0 and was == old and is_ == new
