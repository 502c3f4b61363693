"""The three places of a master key keep one contract; what is wrong with one is said by name."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from benhan.core.vault.envelope import Damaged
from benhan.core.vault.master import BYTES, Master, MasterError, make_master, master_of
from tests.softhsm import PIN_NAME, Token

KEY = bytes(range(BYTES))
PLACE = "data_key/7/a1/wrapped"


@pytest.fixture(params=["file", "env", "pkcs11"])
def two(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Master, Master]:
    """Two different master keys of one kind."""
    match request.param:
        case "file":
            for name in ("one", "two"):
                make_master(tmp_path / name)
            return master_of(f"file:{tmp_path / 'one'}"), master_of(f"file:{tmp_path / 'two'}")
        case "env":
            for name in ("ONE", "TWO"):
                monkeypatch.setenv(f"BENHAN_TEST_{name}", base64.b64encode(os.urandom(BYTES)).decode())
            return master_of("env:BENHAN_TEST_ONE"), master_of("env:BENHAN_TEST_TWO")
    module: Token = request.getfixturevalue("token")
    return master_of(module.address()), master_of(module.address("other"))


def test_a_key_comes_back_as_it_was_wrapped(two: tuple[Master, Master]) -> None:
    wrapped = two[0].wrap(KEY, PLACE)
    assert KEY not in wrapped
    assert wrapped != two[0].wrap(KEY, PLACE)
    assert two[0].unwrap(wrapped, PLACE) == KEY


def test_it_opens_nowhere_else_and_with_no_other_key(two: tuple[Master, Master]) -> None:
    wrapped = two[0].wrap(KEY, PLACE)
    with pytest.raises(Damaged, match="data_key/8"):
        two[0].unwrap(wrapped, "data_key/8/a1/wrapped")
    with pytest.raises(Damaged):
        two[1].unwrap(wrapped, PLACE)


def test_a_changed_byte_is_noticed(two: tuple[Master, Master]) -> None:
    wrapped = two[0].wrap(KEY, PLACE)
    for at in (0, len(wrapped) // 2, len(wrapped) - 1):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        with pytest.raises(Damaged):
            two[0].unwrap(bytes(changed), PLACE)


def test_two_masters_are_told_apart_and_their_names_say_nothing(two: tuple[Master, Master]) -> None:
    assert two[0].id != two[1].id
    assert len(two[0].id) < BYTES


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master"
    make_master(path)
    path.chmod(0o640)
    with pytest.raises(MasterError, match="chmod 600"):
        master_of(f"file:{path}")


def test_a_master_key_is_never_made_over_another(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master"
    make_master(path)
    before = path.read_text()
    make_master(path)
    assert path.read_text() == before
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("text", "said"), [("", "no BENHAN_TEST_BAD"), ("???", "no base64"), ("c2hvcnQ=", "5 bytes")])
def test_what_is_no_key_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.setenv("BENHAN_TEST_BAD", text)
    with pytest.raises(MasterError, match=said):
        master_of("env:BENHAN_TEST_BAD")


@pytest.mark.parametrize("source", ["file:/no/such/file", "vault:x", "just-a-word"])
def test_a_place_that_is_none_is_refused(source: str) -> None:
    with pytest.raises(MasterError, match=r"No such file|named by"):
        master_of(source)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("object=master", "object=none", "NoSuchKey"),
        ("token=", "token=not-", "NoSuchToken"),
        ("module-path=", "module-path=/no/such", "No such file|cannot open"),
        (f"pin-source=env:{PIN_NAME}", "pin-source=env:BENHAN_NO_SUCH", "pin-source"),
        (f"&pin-source=env:{PIN_NAME}", "", "pin-source"),
        ("object=master", "object=short", "16 bytes"),
        ("object=master", "", "object is missing"),
    ],
)
def test_what_is_wrong_with_a_module_is_said(token: Token, old: str, new: str, said: str) -> None:
    with pytest.raises(MasterError, match=said):
        master_of(token.address().replace(old, new))
