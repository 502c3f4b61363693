"""`/giay-chuyen/{media}`: a photo of a paper from elsewhere, for the desk and for who examines."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.hospital import referral


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The photo; the policy says who reads it."""
    body = await referral.picture(tx, who, str(request.path_params["media"]))
    return Response(body, media_type="image/jpeg", headers={"Content-Disposition": "inline"})


DOORS = [Door(f"{referral.PATH}/{{media}}", show, Permission.SIGNED_IN)]
