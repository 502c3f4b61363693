"""Files that bulk jobs make: NDJSON in pieces, one a batch, written with the position of the batch that made them.

A piece is deflated up to a byte; behind one another, with a header and the CRC of the last, the pieces of a file are
one gzip member (RFC 1952): many clients read no more than the first. Migration 0006.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from benhan.core.db import Database, Transaction
from benhan.core.store.records import NAMES
from benhan.core.vault import Column

#: Pieces of one file.
PIECES: Final = 100
#: Deflated, no name, no time, made by anything; and the empty block that ends a deflated stream.
_HEADER: Final = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF])
_LAST_BLOCK: Final = b"\x03\x00"
_BODY: Final = Column("bulk_chunk", "body")


class File(msgspec.Struct, frozen=True):
    """One file of a job. An import's hold what was refused (OperationOutcome), an export's the records."""

    name: str
    type: str
    count: int


async def files(tx: Transaction, id_: str) -> list[File]:
    """The files of a job, in the order of its parts."""
    rows = await tx.fetch(
        "select c.part, p.type, c.n / $2::int as file, sum(c.lines)::bigint as lines"
        " from bulk_chunk c join bulk_part p on p.job = c.job and p.part = c.part"
        " where c.job = $1 group by c.part, p.type, c.n / $2::int order by c.part, file",
        id_, PIECES,
    )  # fmt: skip
    return [
        File(f"{row['part']}-{row['file']}", NAMES.get(row["type"], "OperationOutcome"), row["lines"]) for row in rows
    ]


async def append(tx: Transaction, job: str, part: int, facility: int, lines: Sequence[bytes]) -> None:
    """Write lines behind the last ones of a part."""
    last = await tx.fetchrow(
        "select n, crc, size from bulk_chunk where job = $1 and part = $2 order by n desc limit 1", job, part
    )
    n = last["n"] + 1 if last else 0
    crc, size = (last["crc"], last["size"]) if last and n % PIECES else (0, 0)
    text = b"\n".join([*lines, b""])
    body, crc = await asyncio.to_thread(_pack, text, crc)
    await tx.execute(
        "insert into bulk_chunk (job, part, n, facility, lines, crc, size, body)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        job, part, n, facility, len(lines), crc, size + len(text),
        await _BODY.hide_bytes(tx, facility, f"{job}/{part}/{n}", body),
    )  # fmt: skip


async def pieces(database: Database, facility: int, id_: str, name: str, *, packed: bool) -> AsyncIterator[bytes]:
    """A file, piece by piece, as gzip or unpacked; no transaction stays open between two pieces."""
    part, _dash, number = name.partition("-")
    first, crc, size = int(number) * PIECES, 0, 0
    if packed:
        yield _HEADER
    for n in range(first, first + PIECES):
        async with database.transaction(facility) as tx:
            row = await tx.fetchrow(
                "select body, crc, size from bulk_chunk where job = $1 and part = $2 and n = $3", id_, int(part), n
            )
            if row is None:
                break
            body = _BODY.show_bytes(tx, facility, f"{id_}/{int(part)}/{n}", row["body"])
        crc, size = row["crc"], row["size"]
        yield body if packed else zlib.decompressobj(-zlib.MAX_WBITS).decompress(body)
    if packed:
        yield _LAST_BLOCK + struct.pack("<II", crc, size & 0xFFFFFFFF)


def _pack(text: bytes, crc: int) -> tuple[bytes, int]:
    """Lines deflated up to a byte, open for more, and the CRC with them."""
    packer = zlib.compressobj(3, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH), zlib.crc32(text, crc)
