"""`/zalo/thanh-toan/{facility}`: Zalo's server says that an order was paid. The only word of Zalo that is believed.

Signature over all values with the key of the facility that the address names; then app, facility, order and amount are
compared with what we asked for. What comes again changes nothing. Whatever is refused stands in the audit of the
facility. Answer: `{"returnCode": 1}` taken (or known already), else -1. Source: shared/zalo/README.md ("Payment").
"""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benhan.core.access import Door, Permission, Role, Subject, phone_steps, service
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, NotFound, TooLarge
from benhan.core.kit import json_forms
from benhan.core.language import _
from benhan.hospital.cashier import checkout, prepayment, status
from benhan.hospital.cashier.checkout import Callback, NotZalos
from benhan.hospital.cashier.follower import Follower
from benhan.hospital.cashier.payee import payee
from benhan.hospital.cashier.prepayment import Came

PATH: Final = "/zalo/thanh-toan/{code}"


async def called(request: Request, tx: Transaction, who: Subject) -> Response:
    """Something became of an order."""
    here = await phone_steps.at(tx, who, request.path_params["code"])
    said = await _said(request)
    await tx.reach(here.facility)
    behind = service(Role.PAYMENT_SERVICE, here.facility, here.facility_name)
    to = await payee(tx, here.facility)
    try:
        told = checkout.read(said, to.key)
    except NotZalos:
        return _refused(tx, behind, "not Zalo's", status=403)
    if told.app != to.app or told.facility != here.facility_code:
        return _refused(tx, behind, "of another app or facility", told)
    await status.heard(tx, behind, told.reference, told.order)
    if told.result != checkout.PAID:
        record(tx, behind, Event("payment-failed", "Invoice", rule=f"{told.result}", detail=_about(told)))
        return _taken()
    try:
        await prepayment.settle(tx, behind, Came("checkout", told.transaction, told.amount, told.reference))
    except (NotFound, Conflict) as wrong:
        return _refused(tx, behind, f"{wrong.where}: not what was asked", told)
    return _taken()


async def _said(request: Request) -> Any:
    """The object that was sent; None where it is none."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > json_forms.MOST_BYTES:
            raise TooLarge(_("Nội dung gửi lên quá lớn."))
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        return None


def _taken() -> Response:
    return JSONResponse({"returnCode": 1, "returnMessage": "ok"})


def _refused(tx: Transaction, who: Subject, why: str, told: Callback | None = None, status: int = 200) -> Response:
    """Nothing is changed but the audit."""
    record(tx, who, Event("payment", "Invoice", allowed=False, rule=why, detail=_about(told) if told else ""))
    return JSONResponse({"returnCode": -1, "returnMessage": why}, status)


def _about(told: Callback) -> str:
    return f"order {told.order} transaction {told.transaction} reference {told.reference} amount {told.amount}"


FOLLOWERS = [Follower]
DOORS = [Door(PATH, called, Permission.ANYONE, ("POST",), foreign=True)]
