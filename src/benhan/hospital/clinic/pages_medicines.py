"""Doors of the medicines."""

from __future__ import annotations

from benhan.core.access import Door

DOORS: list[Door] = []

from benhan.core.kit.pages import NavItem  # noqa: E402

NAV: list[NavItem] = []
