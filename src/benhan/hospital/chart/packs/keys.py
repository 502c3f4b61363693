"""A facility's keys for its packs: one that signs them, one to which logs of opening are sealed. Made when first asked.

They are encrypted like every key that signs (`core/vault`); whoever sets a pass-phrase takes the public half along.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benhan.core.db import Transaction
from benhan.core.vault import Column, carried

_SECRET: Final = Column("pack_key", "secret")
_SEED: Final = 32


class Keys(msgspec.Struct, frozen=True):
    """Both, as private keys."""

    seed: bytes
    log: bytes

    @property
    def signer(self) -> Ed25519PrivateKey:
        """What signs."""
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def verifier(self) -> bytes:
        """What its signatures are verified with."""
        return self.signer.public_key().public_bytes_raw()


async def of_facility(tx: Transaction, facility: int) -> Keys:
    """The keys of a facility; two who ask first get the same."""
    found = await tx.fetchval("select secret from pack_key where facility = $1", facility)
    if found is None:
        seed = Ed25519PrivateKey.generate().private_bytes_raw()
        made = b64encode(seed + carried.new_key()[0]).decode()
        hidden = await _SECRET.hide(tx, facility, "facility", made)
        await tx.execute(
            "insert into pack_key (facility, secret) values ($1, $2) on conflict do nothing", facility, hidden
        )
        found = await tx.fetchval("select secret from pack_key where facility = $1", facility)
    both = b64decode(_SECRET.show(tx, facility, "facility", found))
    return Keys(both[:_SEED], both[_SEED:])
