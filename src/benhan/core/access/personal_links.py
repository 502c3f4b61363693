"""A patient's personal link: a long random address that opens with the birth date.

The link alone is worth nothing, the birth date alone neither; ten wrong dates close the link for a day.
"""

from __future__ import annotations

import secrets
from datetime import date, timedelta

from benhan.core.access.accounts import hashed, open_session
from benhan.core.access.audit import Event, record
from benhan.core.access.policy import decide
from benhan.core.access.subject import Subject
from benhan.core.access.vocabulary import Interaction
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Forbidden, NotFound
from benhan.core.language import _

LINK_DAYS = 90
SESSION_HOURS = 2
MOST_FAILURES = 10


async def create_link(tx: Transaction, who: Subject, patient: str) -> str:
    """Make a personal link to the record of a patient of this facility; gives its token.

    Raises:
        Forbidden: a record is not hers to share.
    """
    decision = decide(who, Interaction.SHARE, "Patient")
    if not decision.allowed:
        raise Forbidden(_("Không có quyền chia sẻ hồ sơ."), advice=_("Quy tắc: %(rule)s.", rule=decision.rule))
    token = secrets.token_urlsafe(24)
    await tx.execute(
        "insert into personal_link (token_hash, facility, patient, ends) values ($1, $2, $3, now() + $4)",
        hashed(token), who.facility, patient, timedelta(days=LINK_DAYS),
    )  # fmt: skip
    record(tx, who, Event("personal-link", "Patient", patient, patient, rule=decision.rule))
    return token


async def holder(tx: Transaction, token: str) -> tuple[int, str]:
    """Facility and Patient id behind a link; the transaction is bound to that facility afterwards.

    Raises:
        NotFound: no such link, or it has ended.
        Forbidden: too many wrong birth dates.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "select facility, patient, failures, coalesce(locked_until > now(), false) as locked"
        " from personal_link where token_hash = $1 and ends > now() for update",
        hashed(token),
    )
    if row is None:
        raise NotFound(_("Liên kết không còn dùng được."), advice=_("Xin liên kết mới tại quầy tiếp đón."))
    if row["locked"]:
        raise Forbidden(_("Nhập sai quá nhiều lần; liên kết bị khoá một ngày."), advice=_("Hỏi quầy tiếp đón."))
    await tx.reach(row["facility"])
    return row["facility"], row["patient"]


async def open_with_birth_date(tx: Transaction, token: str, given: date, birth_date: str | None) -> str | None:
    """Open a patient's session when the given date is the recorded one; gives the session token, else None.

    `birth_date` is as FHIR keeps it; where only the year or month is known, that much is compared.
    """
    facility, patient = await holder(tx, token)
    someone = Subject(account=f"patient:{patient}", name="", facility=facility, facility_name="", roles=frozenset())
    if birth_date and given.isoformat().startswith(birth_date):
        await tx.execute("update personal_link set failures = 0 where token_hash = $1", hashed(token))
        record(tx, someone, Event("sign-in", "Patient", patient, patient, rule="personal link and birth date"))
        return await open_session(tx, facility, patient=patient, hours=SESSION_HOURS)
    await tx.execute(
        "update personal_link set failures = failures + 1,"
        " locked_until = case when failures + 1 >= $2 then now() + interval '1 day' end where token_hash = $1",
        hashed(token), MOST_FAILURES,
    )  # fmt: skip
    record(tx, someone, Event("sign-in", "Patient", patient, patient, allowed=False, rule="wrong birth date"))
    return None
