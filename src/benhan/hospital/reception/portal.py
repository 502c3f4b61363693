"""The BHYT portal's card check: an adapter that speaks its protocol and knows nothing of records.

Protocol: CV 1245/BHXH-CNTT of 03/05/2024 (token), CV 1923/BHXH-CNTT of 20/06/2024 (KQNhanLichSuKCB2024). The portal
keeps the password as MD5 in capitals; that is its rule, not ours. A faithful stand-in is
`tests/standins/insurance_portal.py`; the same contract tests run against both.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final

import msgspec

from benhan.core.kit.outside import NoAnswer, ask

TOKEN_PATH: Final = "/api/token/take"  # noqa: S105 - a path
CHECK_PATH: Final = "/api/egw/KQNhanLichSuKCB2024"
#: The desk does not wait, but nobody looks at an answer that comes after the person has gone.
SECONDS: Final = 8.0
ACCEPTED: Final = "200"
REFUSED_TOKEN: Final = "401"  # noqa: S105 - a code of the protocol


class Officer(msgspec.Struct, frozen=True):
    """Who asks, as registered with the portal."""

    name: str
    number: str


class Holder(msgspec.Struct, frozen=True):
    """Whose card is asked about: a card of 15 characters, 10 digits of the BHXH number, or the CCCD."""

    card: str
    name: str
    birth: str


class CardAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What the portal says of a card, in its own field names; empty where it says nothing. Dates are dd/mm/yyyy."""

    ma_ket_qua: str
    ghi_chu: str = ""
    ma_the: str = ""
    ho_ten: str = ""
    ngay_sinh: str = ""
    gioi_tinh: str = ""
    dia_chi: str = ""
    ma_the_moi: str = ""
    gt_the_tu: str = ""
    gt_the_den: str = ""
    gt_the_tu_moi: str = ""
    gt_the_den_moi: str = ""
    ma_so_bhxh: str = msgspec.field(name="maSoBHXH", default="")
    registered: str = msgspec.field(name="maDKBD", default="")
    registered_new: str = msgspec.field(name="maDKBDMoi", default="")
    five_years: str = msgspec.field(name="ngayDu5Nam", default="")


class _Key(msgspec.Struct, frozen=True):
    access: str
    identity: str


class Portal:
    """One account at the portal. Keeps its token until the portal says that it has ended."""

    def __init__(self, address: str, user: str, password: str, *, seconds: float = SECONDS) -> None:
        self._user = user
        self._password = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper()
        self._address = address.rstrip("/")
        self._seconds = seconds
        self._key: _Key | None = None
        self._signing_in = asyncio.Lock()

    async def check(self, holder: Holder, officer: Officer) -> CardAnswer:
        """Ask about a card; one new token is tried when the old one has ended.

        Raises:
            NoAnswer: no answer in time, no connection, our account refused, or an answer nobody can read.
        """
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._check(holder, officer, await self._token())
                if answer.ma_ket_qua == REFUSED_TOKEN:
                    self._key = None
                    answer = await self._check(holder, officer, await self._token())
        except TimeoutError:
            raise NoAnswer("slow", f"{self._seconds:.0f} s") from None
        if answer.ma_ket_qua == REFUSED_TOKEN:
            raise NoAnswer("refused", answer.ghi_chu or "401")
        return answer

    async def _token(self) -> _Key:
        async with self._signing_in:
            if self._key is None:
                body = await self._post(TOKEN_PATH, {}, {"username": self._user, "password": self._password})
                key = body.get("APIKey") or {}
                if body.get("maKetQua") != ACCEPTED or not key.get("access_token"):
                    raise NoAnswer("refused", f"{body.get('maKetQua', '')}")
                self._key = _Key(str(key["access_token"]), str(key.get("id_token", "")))
            return self._key

    async def _check(self, holder: Holder, officer: Officer, key: _Key) -> CardAnswer:
        query = {"token": key.access, "id_token": key.identity, "username": self._user, "password": self._password}
        asked = {
            "maThe": holder.card, "hoTen": holder.name, "ngaySinh": holder.birth,
            "hoTenCb": officer.name, "cccdCb": officer.number,
        }  # fmt: skip
        body = await self._post(CHECK_PATH, query, asked)
        said = {
            name: "" if value is None else str(value) for name, value in body.items() if not isinstance(value, list)
        }
        try:
            return msgspec.convert(said, CardAnswer)
        except msgspec.ValidationError as error:
            raise NoAnswer("unreadable", str(error)) from None

    async def _post(self, path: str, query: dict[str, str], form: dict[str, str]) -> dict[str, Any]:
        try:
            return await ask("POST", self._address + path, self._seconds, params=query, data=form)
        except NoAnswer as trouble:
            if trouble.status == 401:
                return {"maKetQua": REFUSED_TOKEN}
            raise
