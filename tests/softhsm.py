"""SoftHSM2, the hardware module in software that the tests bring themselves: unpacked into `.cache/softhsm/`.

Fixture: `token`, a fresh token with a PIN and AES keys in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.debian import bring, run

PACKAGES: Final = ("softhsm2", "libsofthsm2")
PIN_NAME: Final = "BENHAN_TEST_PIN"
PIN: Final = "4711"
LABEL: Final = "Bệnh án"


class Token(msgspec.Struct, frozen=True):
    """A token: the module that serves it, and the address of a key in it."""

    module: Path

    def address(self, key: str = "master") -> str:
        """The address by RFC 7512."""
        return (
            f"pkcs11:token={LABEL.replace(' ', '%20')};object={key}?module-path={self.module}&pin-source=env:{PIN_NAME}"
        )


def opened(module: Path) -> Any:
    """A session that writes; whoever opened one before in this process has said the PIN for all."""
    import pkcs11

    there = pkcs11.lib(str(module)).get_token(token_label=LABEL)
    try:
        return there.open(user_pin=PIN, rw=True)
    except pkcs11.UserAlreadyLoggedIn:
        return there.open(rw=True)


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """A token of this worker, with the keys `master` and `other`."""
    import pkcs11

    module = bring("softhsm", PACKAGES, "usr/lib/**/libsofthsm2.so")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"], os.environ[PIN_NAME] = str(settings), PIN
    tool = bring("softhsm", PACKAGES, "usr/bin/softhsm2-util")
    given = ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "0815"]
    run([str(tool), "--module", str(module), *given], folder, SOFTHSM2_CONF=str(settings))
    hidden = {pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.SENSITIVE: True}
    with opened(module) as session:
        for name in ("master", "other"):
            session.generate_key(pkcs11.KeyType.AES, 256, label=name, store=True, template=hidden)
        session.generate_key(pkcs11.KeyType.AES, 128, label="short", store=True, template=hidden)
    yield Token(module)
    del os.environ[PIN_NAME], os.environ["SOFTHSM2_CONF"]
