"""The doors of the clinic, gathered from its screens, and its place in the navigation."""

from __future__ import annotations

from benhan.core.access import Door, LiveDoor, Permission
from benhan.core.kit import pages
from benhan.core.kit.language import later
from benhan.core.kit.pages import NavItem
from benhan.hospital.clinic import pages_consultation

pages.register("clinic", "benhan.hospital.clinic")

DOORS: list[Door | LiveDoor] = [*pages_consultation.DOORS]
NAV: list[NavItem] = [NavItem(later("Khám"), "/kham", Permission.VITALS, "g k")]
