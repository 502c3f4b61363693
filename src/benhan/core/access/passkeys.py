"""Passkeys (WebAuthn): a key that lives in a telephone or computer and signs only for our own address.

Each asks its holder for finger, face or PIN (user verification), so one alone is as good as password and second factor.
A challenge is ours, random, of one account and purpose, used once and within five minutes.
Source: W3C WebAuthn Level 3; OWASP ASVS 5.0 6.5.7, 6.6.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import webauthn
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from benhan.core.access import second_factors, steps
from benhan.core.access.audit import Event, record
from benhan.core.access.steps import Step
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit.text import nfc
from benhan.core.language import _

MOST: Final = 10
_VERIFIED: Final = UserVerificationRequirement.REQUIRED


class Site(msgspec.Struct, frozen=True):
    """Where passkeys are good: the host, and the whole origin, of the server's public address."""

    host: str
    origin: str

    @classmethod
    def of(cls, public_url: str) -> Site:
        """The site of a public address. It comes from the settings, never from what a request says of itself."""
        parts = urlsplit(public_url)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}")


class Passkey(msgspec.Struct, frozen=True):
    """A passkey as its holder sees it."""

    id: str
    name: str
    made: datetime
    used: datetime | None


async def of_account(tx: Transaction, account: str) -> Sequence[Passkey]:
    """The passkeys of an account, the oldest first."""
    rows = await tx.fetch("select id, name, made, used from passkey where account = $1 order by made", account)
    return [Passkey(row["id"].hex(), row["name"], row["made"], row["used"]) for row in rows]


async def options_to_add(tx: Transaction, who: Subject, login: str, site: Site) -> dict[str, Any]:
    """What the browser needs to make a passkey, and the step that waits for it."""
    there = await tx.fetch("select id from passkey where account = $1", who.account)
    if len(there) >= MOST:
        raise Conflict(_("Nhiều nhất %(n)s khoá truy cập.", n=MOST), advice=_("Gỡ một khoá không dùng nữa."))
    options = webauthn.generate_registration_options(
        rp_id=site.host, rp_name="Bệnh Án", user_name=login, user_id=who.account.encode(), user_display_name=who.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_VERIFIED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=row["id"]) for row in there],
    )  # fmt: skip
    token = await steps.begin(tx, who.facility, who.account, "add-passkey", challenge=options.challenge)
    return {"step": token, "options": json.loads(webauthn.options_to_json(options))}


async def add(tx: Transaction, who: Subject, step: str, said: str, name: str, site: Site) -> None:
    """Keep a new passkey.

    Raises:
        Invalid: the browser's answer is not one to our question.
        Conflict: this passkey is known already.
    """
    asked = await steps.take(tx, step, "add-passkey")
    if asked is None or asked.account != who.account or asked.challenge is None:
        raise _stale()
    try:
        made = webauthn.verify_registration_response(
            credential=said, expected_challenge=asked.challenge, expected_rp_id=site.host,
            expected_origin=site.origin, require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, ValueError, KeyError, TypeError) as wrong:
        raise Invalid(_("Không nhận được khoá truy cập từ thiết bị."), advice=_("Thử lại.")) from wrong
    kept = await tx.fetchval(
        "insert into passkey (id, facility, account, name, public_key, sign_count) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (id) do nothing returning true",
        made.credential_id, who.facility, who.account, nfc(name)[:60] or _("Khoá truy cập"),
        made.credential_public_key, made.sign_count,
    )  # fmt: skip
    if not kept:
        raise Conflict(_("Khoá truy cập này đã có."))
    record(tx, who, Event("second-factor", "Account", who.account, rule="passkey added", detail=nfc(name)[:60]))


async def remove(tx: Transaction, who: Subject, passkey: str, *, needed: bool) -> None:
    """Take a passkey no more.

    Raises:
        NotFound: she has no such passkey.
        Conflict: she needs a second factor, and this is the last.
    """
    factors = await second_factors.of_account(tx, who.account)
    second_factors.refuse_last(factors, factors.passkeys - 1 + factors.application, needed=needed)
    name = await tx.fetchval(
        "delete from passkey where account = $1 and encode(id, 'hex') = $2 returning name", who.account, passkey
    )
    if name is None:
        raise NotFound(_("Không có khoá truy cập này."))
    await second_factors.forget_needless(tx, who.account)
    record(tx, who, Event("second-factor", "Account", who.account, rule="passkey removed", detail=name))


async def rename(tx: Transaction, who: Subject, passkey: str, name: str) -> None:
    """Call a passkey by another name.

    Raises:
        NotFound: she has no such passkey.
        Invalid: the name is empty.
    """
    if not name.strip():
        raise Invalid(_("Nhập tên khoá truy cập."), where="name")
    done = await tx.fetchval(
        "update passkey set name = $3 where account = $1 and encode(id, 'hex') = $2 returning true",
        who.account, passkey, nfc(name)[:60],
    )  # fmt: skip
    if done is None:
        raise NotFound(_("Không có khoá truy cập này."))


async def options_to_show(
    tx: Transaction, site: Site, facility: int = 0, account: str | None = None, kind: str = "passkey"
) -> dict[str, Any]:
    """What the browser needs to show a passkey: any (nobody is known yet), or one of an account."""
    rows = await tx.fetch("select id from passkey where account = $1", account) if account else []
    options = webauthn.generate_authentication_options(
        rp_id=site.host, user_verification=_VERIFIED,
        allow_credentials=[PublicKeyCredentialDescriptor(id=row["id"]) for row in rows],
    )  # fmt: skip
    token = await steps.begin(tx, facility, account, kind, challenge=options.challenge)
    return {"step": token, "options": json.loads(webauthn.options_to_json(options))}


async def holder(tx: Transaction, step: str, said: str, site: Site, kind: str = "passkey") -> str | None:
    """The account whose passkey signed our question; None when nobody's did. The question is used up either way.

    The transaction must reach the passkey: the platform, where nobody is known yet.
    """
    asked = await steps.take(tx, step, kind)
    return await _verified(tx, asked, said, site) if asked and asked.challenge else None


async def _verified(tx: Transaction, asked: Step, said: str, site: Site) -> str | None:
    try:
        id_ = base64url_to_bytes(json.loads(said)["id"])
        row = await tx.fetchrow("select account, public_key, sign_count from passkey where id = $1 for update", id_)
        if row is None or (asked.account is not None and asked.account != row["account"]):
            return None
        shown = webauthn.verify_authentication_response(
            credential=said, expected_challenge=asked.challenge or b"", expected_rp_id=site.host,
            expected_origin=site.origin, credential_public_key=row["public_key"],
            credential_current_sign_count=row["sign_count"], require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    await tx.execute("update passkey set sign_count = $2, used = now() where id = $1", id_, shown.new_sign_count)
    return str(row["account"])


def _stale() -> Invalid:
    return Invalid(_("Đã quá lâu từ lúc bắt đầu."), advice=_("Bắt đầu lại."))
