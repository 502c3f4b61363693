"""Messages to a patient: what may stand in each kind, and the ways by which they go, one after the other.

By Zalo to her id at the Official Account, by Zalo to her telephone (`oa/sending.py`), by a short message of a gateway;
each is an adapter with its base URL in the settings, its stand-in in `tests/standins/`. A message says that there is
something to be seen and never what: a telephone lies on the table. So a kind has its parameters, each with its form,
and whoever makes a message of anything else gets no message (Law 15/2023 art. 10; issue 5, item 11).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from benhan.core.kit.outside import NoAnswer, ask
from benhan.core.kit.text import unaccented

#: Nobody waits for it at the screen, and no code lives longer than minutes.
SECONDS: Final = 8.0
#: Characters of a short message of one part, all of them ASCII (GSM 03.38).
ONE_PART: Final = 160
Kind = Literal[
    "code",
    "glass",
    "reminder",
    "turn",
    "results",
    "revisit",
    "changed",
    "medicine",
    "answer",
    "remote",
    "call",
    "survey",
]
#: What may stand in a message. No name of a person, of a room or a service: these say what she has.
FORMS: Final = {
    "code": re.compile(r"[0-9A-Z-]{4,12}"),
    "facility": re.compile(r"[^\n]{1,60}"),
    "time": re.compile(r"\d\d:\d\d \d\d/\d\d/\d{4}"),
    "day": re.compile(r"\d\d/\d\d/\d{4}"),
    "whose": re.compile("của bạn|của người bạn giám hộ"),
    "number": re.compile(r"[A-Z]{1,3}-\d{1,4}"),
    "ahead": re.compile(r"\d{1,3}"),
    "change": re.compile("đã dời|đã huỷ"),
    "address": re.compile(r"https?://[!-~]{4,100}"),
    "answer": re.compile(r"đã nhận, lúc \d\d:\d\d \d\d/\d\d/\d{4}|chưa nhận được"),
}


class Wording(NamedTuple):
    """Of one kind: its parameters, the short message, and how it is sent.

    `urgent`: by night too, and by the next way rather than later. `surely`: rather twice than never.
    """

    parameters: tuple[str, ...]
    text: str
    urgent: bool = False
    surely: bool = False


WORDINGS: Final[dict[Kind, Wording]] = {
    "code": Wording(
        ("code",), "Ma dang nhap ho so benh an cua ban la {code}, dung trong 5 phut. Khong dua ma nay cho ai.",
        urgent=True, surely=True,
    ),
    "glass": Wording(
        ("facility", "time", "whose"),
        "{facility}: ho so {whose} duoc mo khan cap luc {time}. Xem ai mo o trang cua ban; ban co quyen hoi benh vien.",
        urgent=True, surely=True,
    ),
    "reminder": Wording(
        ("facility", "time", "code"), "{facility}: nhac lich hen {code} luc {time}. Doi hoac huy o ung dung Benh An."
    ),
    "turn": Wording(
        ("facility", "number", "ahead"),
        "{facility}: so {number} sap toi luot, con {ahead} nguoi. Moi ban lai gan phong.", urgent=True,
    ),
    "results": Wording(
        ("facility", "time"), "{facility}: co ket qua moi luc {time}. Dang nhap ung dung Benh An de xem."
    ),
    "answer": Wording(
        ("facility", "time"),
        "{facility}: cau hoi cua ban co tra loi luc {time}. Dang nhap ung dung Benh An de xem.",
    ),
    "survey": Wording(
        ("facility", "time"),
        "{facility}: lan kham cua ban the nao? ({time}) Cham diem o ung dung Benh An, khong ghi ten.",
    ),
    "revisit": Wording(
        ("facility", "day"), "{facility}: bac si hen ban tai kham ngay {day}. Dat gio o ung dung Benh An."
    ),
    "changed": Wording(
        ("facility", "time", "code", "change"),
        "{facility}: lich hen {code} ({time}) {change}. Xem lai o ung dung Benh An hoac goi benh vien.",
    ),
    "medicine": Wording(("facility",), "{facility}: den gio dung thuoc. Xem hoac tat nhac o ung dung Benh An."),
    "remote": Wording(
        ("facility", "answer"), "{facility}: yeu cau goi video cua ban {answer}. Xem o ung dung Benh An.",
    ),
    "call": Wording(
        ("facility", "time", "address"), "{facility}: cuoc goi video luc {time}. Phong cho dang mo: {address}",
        urgent=True,
    ),
}  # fmt: skip


class Message(msgspec.Struct, frozen=True):
    """What is sent: of which kind, and what stands in it.

    `reference`: the same each time that it is sent again, so that who carries it may know it as the same.
    """

    kind: Kind
    values: Mapping[str, str]
    reference: str = msgspec.field(default_factory=lambda: secrets.token_hex(12))

    def __post_init__(self) -> None:
        """Nothing but what the kind may say.

        Raises:
            ValueError: a parameter that it has not, lacks, or that looks otherwise.
        """
        allowed = WORDINGS[self.kind].parameters
        if set(self.values) != set(allowed):
            raise ValueError(f"a message of {self.kind} says {', '.join(allowed)} and nothing else")
        if wrong := [name for name in allowed if not FORMS[name].fullmatch(self.values[name])]:
            raise ValueError(f"a message of {self.kind}: {wrong[0]} does not look so")


class To(msgspec.Struct, frozen=True):
    """Whom: at which facility, her telephone in its stored form ("0912345678"), her account as a person."""

    facility: int
    phone: str
    person: str | None = None


class NotNow(NoAnswer):
    """It did not leave, and would by the same way later."""

    def __init__(self, detail: str, until: datetime) -> None:
        super().__init__("refused", detail)
        self.until = until


class Sender(Protocol):
    """The port: a way by which messages go."""

    name: str

    async def send(self, to: To, message: Message) -> str:
        """Send it; gives what it is called on this way, if anything.

        Raises:
            NotNow: later by this way; NoAnswer: it did not leave by this way.
        """
        ...


class Sent(NamedTuple):
    """What became of a message: by which way it left (None: by none), and what went wrong before.

    `perhaps`: nobody knows whether it left. `until`: it may leave later by the way that was to be its.
    """

    by: str | None
    troubles: list[str]
    number: str = ""
    perhaps: bool = False
    until: datetime | None = None


class ShortMessage:
    """`POST` of {to, from, text} with a bearer token, as most gateways of brand-name messages take it."""

    name = "sms"

    def __init__(
        self, address: str, token: str, sender: str, texts: Mapping[str, str] | None = None, *, seconds: float = SECONDS
    ) -> None:
        self._address, self._token, self._sender, self._seconds = address, token, sender, seconds
        self._texts = {kind: wording.text for kind, wording in WORDINGS.items()} | dict(texts or {})

    async def send(self, to: To, message: Message) -> str:
        """Send it: unaccented, one part."""
        if not to.phone:
            raise NoAnswer("refused", "no telephone")
        said = await ask(
            "POST", self._address, self._seconds, headers={"Authorization": f"Bearer {self._token}"},
            json={"to": international(to.phone), "from": self._sender, "reference": message.reference,
                  "text": written(self._texts[message.kind], message.values)},
        )  # fmt: skip
        if said.get("status") not in ("queued", "sent"):
            raise NoAnswer("refused", str(said.get("error") or said.get("status")))
        return ""


def written(text: str, values: Mapping[str, str]) -> str:
    """A short message: each `{name}` exchanged for its value, unaccented; the first is cut until all is one part."""
    plain = {name: unaccented(value) for name, value in values.items()}
    if (over := len(_filled(text, plain)) - ONE_PART) > 0:
        first = next(iter(plain))
        plain[first] = plain[first][:-over].rstrip()
    return _filled(text, plain)


async def send(by: Sequence[Sender], to: To, message: Message) -> Sent:
    """Try one way after the other.

    Where nobody knows whether it left it is not sent again, but for what must arrive (`surely`); where a way asks for
    patience it waits, but for what is urgent.
    """
    wording, troubles = WORDINGS[message.kind], list[str]()
    for one in by:
        try:
            number = await one.send(to, message)
        except NotNow as trouble:
            troubles.append(f"{one.name} {trouble}")
            if not wording.urgent:
                return Sent(None, troubles, until=trouble.until)
        except NoAnswer as trouble:
            troubles.append(f"{one.name} {trouble}")
            if trouble.perhaps and not wording.surely:
                return Sent(None, troubles, perhaps=True)
        else:
            return Sent(one.name, troubles, number)
    return Sent(None, troubles)


def code_message(code: str) -> Message:
    """A code to sign in with."""
    return Message("code", {"code": code})


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def international(phone: str) -> str:
    """ "0912345678" as "84912345678", which is how all ways want it."""
    return f"84{phone[1:]}" if phone.startswith("0") else phone.removeprefix("+")
