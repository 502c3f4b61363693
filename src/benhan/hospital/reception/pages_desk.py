"""The desk's screens (being written)."""

from __future__ import annotations

from benhan.core.access import Door
from benhan.core.kit.pages import NavItem

DOORS: list[Door] = []
NAV: list[NavItem] = []
