"""`/thu-tien/bao-co/{facility}`: somebody tells that money came to the facility's account. Proved, placed, answered.

One transaction and no question to anybody else, so the answer comes at once. Whatever is signed is kept or was kept
before; what is not is refused and stands in the facility's audit. Answer: 200 `{"success": true}`; 401 not theirs; 422
signed, but not what the contract says (it comes again, and they see that we cannot read it). Contracts: `notices.py`.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benhan.core.access import Door, Permission, Role, Subject, phone_steps, service
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import TooLarge
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital.cashier import notices, unmatched
from benhan.hospital.cashier.notices import NotTheirs, Unreadable
from benhan.hospital.cashier.payee import payee

PATH: Final = "/thu-tien/bao-co"
MOST_BYTES: Final = 64 * 1024


async def told(request: Request, tx: Transaction, who: Subject) -> Response:
    """Money moved on an account."""
    here = await phone_steps.at(tx, who, request.path_params["code"])
    raw = await _raw(request)
    await tx.reach(here.facility)
    behind = service(Role.PAYMENT_SERVICE, here.facility, here.facility_name)
    to = await payee(tx, here.facility)
    try:
        notice = notices.read(to.contract, to.secret, request.headers, raw, clock.now())
    except NotTheirs:
        return _refused(tx, behind, "not theirs, or not of now", 401)
    except Unreadable:
        return _refused(tx, behind, "unreadable", 422)
    done = await unmatched.take(tx, behind, notice, to) if notice else "out"
    detail = f"notice {notice.id} number {notice.number} amount {notice.amount}" if notice else ""
    record(tx, behind, Event("bank-notice", "PaymentReconciliation", rule=done, detail=detail))
    return JSONResponse({"success": True})


async def _raw(request: Request) -> bytes:
    """The bytes as they came, so many at most."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise TooLarge(_("Nội dung gửi lên quá lớn."))
    return bytes(body)


def _refused(tx: Transaction, who: Subject, why: str, status: int) -> Response:
    """Nothing is changed but the audit."""
    record(tx, who, Event("bank-notice", "PaymentReconciliation", allowed=False, rule=why))
    return JSONResponse({"success": False, "message": why}, status)


DOORS = [Door(f"{PATH}/{{code}}", told, Permission.ANYONE, ("POST",), foreign=True)]
