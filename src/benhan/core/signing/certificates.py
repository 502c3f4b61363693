"""Certificates of staff: registered by an administrator, proved to sign, one at a time for each account.

NĐ 23/2025/NĐ-CP art. 15 (it is checked when it is taken, and again each time it signs).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from asn1crypto import x509

from benhan.core.access import Subject
from benhan.core.access.accounts import logins
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.language import _
from benhan.core.signing.pades import Holder, may_sign
from benhan.core.signing.signers import Signer, signed_by
from benhan.core.signing.trust import CannotSign, Trust

_COLUMNS: Final = "c.id, c.account, c.kind, c.key, c.name, c.serial, c.begins, c.ends, c.der, c.chain"


class Means(msgspec.Struct, frozen=True):
    """What an installation signs with: whom it trusts, where time stamps come from, who holds keys (by kind)."""

    trust: Trust
    tsa: str
    signers: Mapping[str, Signer]

    def signer(self, kind: str) -> Signer:
        """Who holds keys of a kind.

        Raises:
            CannotSign: nobody does here.
        """
        if (found := self.signers.get(kind)) is None:
            raise CannotSign("no-signer", _("Nơi giữ khoá ký này chưa được cấu hình."))
        return found


class Certificate(msgspec.Struct, frozen=True):
    """A registered certificate. `login`: whose it is, where several are listed."""

    id: str
    account: str
    kind: str
    key: str
    name: str
    serial: str
    begins: datetime
    ends: datetime
    holder: Holder
    login: str = ""


async def register(tx: Transaction, who: Subject, means: Means, login: str, kind: str, key: str) -> Certificate:
    """Register the certificate of a key for an account; the account's former one ends.

    Raises:
        Invalid: there is no such account here; Conflict: it is registered for somebody else.
        CannotSign: no such key, the certificate may not sign, or the key is not that of the certificate.
    """
    if (account := (await logins(tx)).get(login)) is None:
        raise Invalid(_("Không có tài khoản này ở cơ sở."), where="login")
    signer = means.signer(kind)
    first, *above = await signer.holder(key)
    holder = Holder(first, (*above, *means.trust.between))
    await may_sign(means.trust, holder)
    if kind == "token":  # a provider asks its user each time; a token can be tried
        tried = secrets.token_bytes(32)
        asked = await signer.ask(key, [tried], "")
        if not signed_by(first, tried, asked.signatures[0]):
            raise CannotSign("wrong-key", _("Khoá trong thiết bị không phải của chứng thư này."))
    taken = await tx.fetchval(
        "select true from certificate where facility = $1 and kind = $2 and key = $3 and ended is null"
        " and account <> $4",
        who.facility, kind, key, account,
    )  # fmt: skip
    if taken:
        raise Conflict(_("Chứng thư này đã đăng ký cho tài khoản khác."), where="key")
    await _end(tx, who, account)
    validity = first["tbs_certificate"]["validity"]
    made = Certificate(
        secrets.token_hex(8), account, kind, key, holder.name, f"{first.serial_number:x}",
        validity["not_before"].native, validity["not_after"].native, holder,
    )  # fmt: skip
    await tx.execute(
        "insert into certificate (facility, id, account, kind, key, name, serial, begins, ends, der, chain, added_by)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        who.facility, made.id, account, kind, key, made.name, made.serial, made.begins, made.ends, first.dump(),
        [one.dump() for one in holder.chain], who.account,
    )  # fmt: skip
    said = f"{kind} {made.serial} {made.name}"
    record(tx, who, Event("certificate-registered", "Account", account, detail=said))
    return made


async def end(tx: Transaction, who: Subject, id_: str) -> None:
    """A certificate signs no more here. Twice changes nothing.

    Raises:
        NotFound: there is none.
    """
    row = await tx.fetchrow("select account, ended from certificate where facility = $1 and id = $2", who.facility, id_)
    if row is None:
        raise NotFound(_("Không có chứng thư này."))
    if row["ended"] is None:
        await _end(tx, who, row["account"])


async def of_account(tx: Transaction, facility: int, account: str) -> Certificate | None:
    """The certificate that an account signs with."""
    rows = await tx.look(
        f"select {_COLUMNS} from certificate c where c.facility = $1 and c.account = $2 and c.ended is null",
        facility, account,
    )  # fmt: skip
    return _of(rows[0]) if rows else None


async def everybody(tx: Transaction, facility: int) -> list[Certificate]:
    """All certificates that sign here, those first that end first."""
    rows = await tx.look(
        f"select {_COLUMNS} from certificate c where c.facility = $1 and c.ended is null order by c.ends", facility
    )
    names = {account: login for login, account in (await logins(tx)).items()}
    return [msgspec.structs.replace(_of(row), login=names.get(row["account"], "")) for row in rows]


async def _end(tx: Transaction, who: Subject, account: str) -> None:
    row = await tx.fetchrow(
        "update certificate set ended = now(), ended_by = $3 where facility = $1 and account = $2 and ended is null"
        " returning serial",
        who.facility, account, who.account,
    )  # fmt: skip
    if row:
        record(tx, who, Event("certificate-ended", "Account", account, detail=row["serial"]))


def _of(row: Any) -> Certificate:
    holder = Holder(x509.Certificate.load(row["der"]), tuple(map(x509.Certificate.load, row["chain"])))
    return Certificate(
        row["id"], row["account"], row["kind"], row["key"], row["name"], row["serial"], row["begins"], row["ends"],
        holder,
    )  # fmt: skip
