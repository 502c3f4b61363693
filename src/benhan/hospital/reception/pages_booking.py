"""Doors and navigation of booking: the public's and the staff's."""

from __future__ import annotations

from benhan.core.access import Door, LiveDoor
from benhan.core.kit.pages import NavItem
from benhan.hospital.reception import (
    booking_app,
    booking_insurance,
    booking_papers,
    booking_public,
    booking_staff,
    insurance_app,
    offers_app,
    referral_app,
)

DOORS: list[Door | LiveDoor] = [
    *booking_public.DOORS, *booking_papers.DOORS, *booking_insurance.DOORS, *offers_app.DOORS, *booking_app.DOORS,
    *insurance_app.DOORS, *referral_app.DOORS, *booking_staff.DOORS,
]  # fmt: skip
NAV: list[NavItem] = [*booking_staff.NAV]
