"""coturn, the relay for calls, that the tests bring themselves; on loopback, with a secret of their own."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from tests.debian import bring, libraries

PACKAGES: Final = (
    "coturn", "libevent-core-2.1-7", "libevent-extra-2.1-7", "libevent-openssl-2.1-7", "libevent-pthreads-2.1-7",
    "libhiredis0.14", "libmariadb3", "libpq5", "libsqlite3-0", "libssl3", "libsystemd0",
)  # fmt: skip
#: What a relay needs to come up on a machine where everybody works at once.
PATIENCE_SECONDS: Final = 30


class Relay(msgspec.Struct, frozen=True):
    """A relay that runs: where, and the secret of which passwords are made."""

    port: int
    secret: str

    @property
    def url(self) -> str:
        """Its address, as browsers take it."""
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    async def lets_in(self, name: str, password: str) -> bool:
        """Whether it gives an address to who comes with this name and password."""
        client = bring("coturn", PACKAGES, "usr/bin/turnutils_uclient")
        asked = await asyncio.create_subprocess_exec(
            str(client), "-u", name, "-w", password, "-p", str(self.port), "-y", "-n", "1", "-m", "1", "127.0.0.1",
            env=_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _none = await asyncio.wait_for(asked.communicate(), PATIENCE_SECONDS)
        return asked.returncode == 0 and b"error" not in said.lower()


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[Relay]:
    """A relay on a free port of loopback; what it wrote stands in the error if it does not come up."""
    server = bring("coturn", PACKAGES, "usr/bin/turnserver")
    relay = Relay(_free_port(), secrets.token_hex(24))
    settings = folder / "turn.conf"
    settings.write_text(
        f"listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={relay.port}\nuse-auth-secret\n"
        f"static-auth-secret={relay.secret}\nrealm=benhan.test\nno-tls\nno-dtls\nno-cli\nallow-loopback-peers\n"
        f"pidfile={folder}/turn.pid\nlog-file=stdout\nsimple-log\nuserdb={folder}/turn.db\n"
    )
    with (folder / "turn.log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            str(server), "-c", str(settings), env=_environment(), stdout=log, stderr=log
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await _answers(relay.port):
                    if running.returncode is not None:
                        raise RuntimeError((folder / "turn.log").read_text("utf-8", "replace")[-2000:])
                    await asyncio.sleep(0.05)
            yield relay
        finally:
            if running.returncode is None:
                running.terminate()
            await running.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "LD_LIBRARY_PATH": libraries("coturn")}


def _free_port() -> int:
    """A port that neither TCP nor UDP uses now."""
    with socket.socket() as streams, socket.socket(type=socket.SOCK_DGRAM) as packets:
        streams.bind(("127.0.0.1", 0))
        port = int(streams.getsockname()[1])
        packets.bind(("127.0.0.1", port))
        return port


async def _answers(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
