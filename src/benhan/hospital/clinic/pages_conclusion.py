"""Doors of the conclusion."""

from __future__ import annotations

from benhan.core.access import Door

DOORS: list[Door] = []
