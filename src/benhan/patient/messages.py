"""Messages to a telephone: a template message of Zalo (ZBS, the former ZNS), or a short message of a gateway.

Each sender is an adapter with its base URL in the settings; the stand-ins are `tests/standins/zalo.py` and
`sms_gateway.py`. A message holds a code, or that a record was opened, and nothing of the record.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from benhan.core.kit.outside import NoAnswer, ask
from benhan.core.kit.text import unaccented
from benhan.settings import Settings

#: Nobody waits for it at the screen, and no code lives longer than minutes.
SECONDS: Final = 8.0
#: Characters of a short message of one part, all of them ASCII (GSM 03.38).
ONE_PART: Final = 160
Kind = Literal["code", "glass"]
#: What a value is called in templates of Zalo, where it is not as here.
_PARAMETERS: Final = {"code": "otp"}


class Message(msgspec.Struct, frozen=True):
    """What is sent: by which template or text, and what stands in it.

    `reference`: the same each time that it is sent again, so that who carries it may know it as the same.
    """

    kind: Kind
    values: Mapping[str, str]
    reference: str = msgspec.field(default_factory=lambda: secrets.token_hex(12))


def code_message(code: str) -> Message:
    """A code to sign in with."""
    return Message("code", {"code": code})


class Sender(Protocol):
    """The port: sends to a telephone in its stored form ("0912345678")."""

    name: str

    async def send(self, phone: str, message: Message) -> None:
        """Send it.

        Raises:
            NoAnswer: it did not leave; another sender may try.
        """
        ...


class ZaloTemplate:
    """`POST /message/template` by telephone. Source: shared/zalo/README.md; every answer is HTTP 200."""

    name = "zalo"

    def __init__(
        self, address: str, templates: Mapping[Kind, str], token_file: Path, *, seconds: float = SECONDS
    ) -> None:
        self._address, self._templates, self._token_file, self._seconds = address, templates, token_file, seconds

    async def send(self, phone: str, message: Message) -> None:
        """Send it by the template that was approved for its kind, with its values as parameters."""
        if not (template := self._templates.get(message.kind)):
            raise NoAnswer("refused", f"no template for {message.kind}")
        try:
            token = self._token_file.read_text("utf-8").strip()
        except OSError as wrong:
            raise NoAnswer("refused", f"token file: {type(wrong).__name__}") from None
        data = {_PARAMETERS.get(name, name): value for name, value in message.values.items()}
        said = await ask(
            "POST", f"{self._address.rstrip('/')}/message/template", self._seconds, headers={"access_token": token},
            json={"phone": _international(phone), "template_id": template, "template_data": data,
                  "tracking_id": message.reference},
        )  # fmt: skip
        if said.get("error") != 0:
            raise NoAnswer("refused", str(said.get("error")))


class ShortMessage:
    """`POST` of {to, from, text} with a bearer token, as most gateways of brand-name messages take it."""

    name = "sms"

    def __init__(
        self, address: str, token: str, sender: str, texts: Mapping[Kind, str], *, seconds: float = SECONDS
    ) -> None:
        self._address, self._token, self._sender, self._texts, self._seconds = address, token, sender, texts, seconds

    async def send(self, phone: str, message: Message) -> None:
        """Send it: unaccented, one part."""
        said = await ask(
            "POST", self._address, self._seconds, headers={"Authorization": f"Bearer {self._token}"},
            json={"to": _international(phone), "from": self._sender, "reference": message.reference,
                  "text": written(self._texts[message.kind], message.values)},
        )  # fmt: skip
        if said.get("status") not in ("queued", "sent"):
            raise NoAnswer("refused", str(said.get("error") or said.get("status")))


def senders(settings: Settings) -> list[Sender]:
    """Those that the operator set up, in the order in which they are tried."""
    found: list[Sender] = []
    if settings.zalo_messages and settings.zalo_oa_token_file:
        templates: dict[Kind, str] = {"code": settings.zalo_code_template, "glass": settings.zalo_glass_template}
        found.append(ZaloTemplate(settings.zalo_messages, templates, settings.zalo_oa_token_file))
    if settings.sms_gateway:
        texts: dict[Kind, str] = {"code": settings.sms_text, "glass": settings.sms_glass_text}
        token = settings.sms_token.get_secret_value()
        found.append(ShortMessage(settings.sms_gateway, token, settings.sms_sender, texts))
    return found


def written(text: str, values: Mapping[str, str]) -> str:
    """A short message: each `{name}` exchanged for its value, unaccented; the first is cut until all is one part."""
    plain = {name: unaccented(value) for name, value in values.items()}
    if (over := len(_filled(text, plain)) - ONE_PART) > 0:
        first = next(iter(plain))
        plain[first] = plain[first][:-over].rstrip()
    return _filled(text, plain)


async def send(by: Sequence[Sender], phone: str, message: Message) -> tuple[str | None, list[str]]:
    """Try one sender after the other: the name of the one that took it (None: none did), and what went wrong before."""
    troubles = []
    for one in by:
        try:
            await one.send(phone, message)
        except NoAnswer as trouble:
            troubles.append(f"{one.name} {trouble}")
        else:
            return one.name, troubles
    return None, troubles


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _international(phone: str) -> str:
    """ "0912345678" as "84912345678", which is how both want it."""
    return f"84{phone[1:]}" if phone.startswith("0") else phone.removeprefix("+")
