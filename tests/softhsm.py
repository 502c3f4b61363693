"""SoftHSM2, the hardware module in software that the tests bring themselves: unpacked into `.cache/softhsm/`.

Nothing is installed on the machine: Debian's packages are fetched with `apt-get download` and unpacked. Fixture:
`token`, a fresh token with a PIN and AES keys in it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

ROOT: Final = Path(__file__).parents[1]
HOME: Final = ROOT / ".cache" / "softhsm"
PACKAGES: Final = ("softhsm2", "libsofthsm2")
PIN_NAME: Final = "BENHAN_TEST_PIN"
PIN: Final = "4711"
LABEL: Final = "Bệnh án"


class SoftHsmMissing(RuntimeError):  # noqa: N818 - what happened, as it is told
    """SoftHSM2 could not be brought; the message says why."""


class Token(msgspec.Struct, frozen=True):
    """A token: the module that serves it, and the address of a key in it."""

    module: Path

    def address(self, key: str = "master") -> str:
        """The address by RFC 7512."""
        return (
            f"pkcs11:token={LABEL.replace(' ', '%20')};object={key}?module-path={self.module}&pin-source=env:{PIN_NAME}"
        )


def bring() -> Path:
    """The folder in which it is unpacked.

    Raises:
        SoftHsmMissing: it could not be fetched: this machine has no apt-get, or no way to Debian's packages.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    unpacked = HOME / "unpacked"
    with (HOME / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _module(unpacked):
            _fetch()
            for package in HOME.glob("*.deb"):
                _run(["dpkg", "-x", str(package), str(unpacked)])
    if not (module := _module(unpacked)):
        raise SoftHsmMissing(f"libsofthsm2.so is not in {unpacked}")
    return module


def _module(unpacked: Path) -> Path | None:
    return next(iter(sorted(unpacked.glob("usr/lib/**/libsofthsm2.so"))), None)


def _fetch() -> None:
    """As the machine knows its packages; where it knows none (a fresh container), by lists of our own."""
    try:
        _run(["apt-get", "download", *PACKAGES])
    except SoftHsmMissing:
        lists = HOME / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        own = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={HOME / 'apt'}", "-o", "Debug::NoLocking=1"]
        _run(["apt-get", *own, "update"])
        _run(["apt-get", *own, "download", *PACKAGES])


def _run(command: list[str], **more: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=HOME, capture_output=True, text=True, check=False, env={**os.environ, **more}
        )
    except OSError as wrong:
        raise SoftHsmMissing(f"{command[0]}: {wrong}; it is needed to bring SoftHSM2 for these tests") from None
    if done.returncode:
        raise SoftHsmMissing(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}")


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """A token of this worker, with the keys `master` and `other`."""
    import pkcs11

    module, folder = bring(), tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"], os.environ[PIN_NAME] = str(settings), PIN
    tool = HOME / "unpacked" / "usr" / "bin" / "softhsm2-util"
    given = ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "0815"]
    _run([str(tool), "--module", str(module), *given], SOFTHSM2_CONF=str(settings))
    hidden = {pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.SENSITIVE: True}
    with pkcs11.lib(str(module)).get_token(token_label=LABEL).open(user_pin=PIN, rw=True) as session:
        for name in ("master", "other"):
            session.generate_key(pkcs11.KeyType.AES, 256, label=name, store=True, template=hidden)
        session.generate_key(pkcs11.KeyType.AES, 128, label="short", store=True, template=hidden)
    yield Token(module)
    del os.environ[PIN_NAME], os.environ["SOFTHSM2_CONF"]
