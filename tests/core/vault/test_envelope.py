"""An envelope opens where it was made and nowhere else, and not when anything of it was changed."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benhan.core.vault.envelope import ADDED, KEY_ID, MARK, Damaged, decrypted, encrypted, key_of

KEY, ID = AESGCM(bytes(32)), b"\x07" * KEY_ID
PLAIN = b'{"resourceType":"Patient","id":"a"}'
PLACE = "record/7/103/a/2/body"


def test_it_opens_at_its_place() -> None:
    made = encrypted(ID, KEY, PLACE, PLAIN)
    assert made.startswith(MARK)
    assert key_of(made) == ID
    assert len(made) == len(PLAIN) + ADDED
    assert decrypted(KEY, PLACE, made) == PLAIN


def test_the_same_value_never_looks_the_same() -> None:
    assert len({encrypted(ID, KEY, PLACE, PLAIN) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "elsewhere",
    [
        "record/8/103/a/2/body", "record/7/104/a/2/body", "record/7/103/b/2/body", "record/7/103/a/3/body",
        "record/7/103/a/2/other", "account/7/103/a/2/body", "",
    ],
)  # fmt: skip
def test_it_opens_at_no_other(elsewhere: str) -> None:
    with pytest.raises(Damaged, match="brought here"):
        decrypted(KEY, elsewhere, encrypted(ID, KEY, PLACE, PLAIN))


def test_every_changed_byte_and_every_cut_is_noticed() -> None:
    made = encrypted(ID, KEY, PLACE, PLAIN)
    for at in range(1 + KEY_ID, len(made)):
        with pytest.raises(Damaged):
            decrypted(KEY, PLACE, made[:at] + bytes([made[at] ^ 0x80]) + made[at + 1 :])
        with pytest.raises(Damaged):
            decrypted(KEY, PLACE, made[:at])


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(Damaged):
        decrypted(AESGCM(os.urandom(32)), PLACE, encrypted(ID, KEY, PLACE, PLAIN))
