"""The doors of the consultation."""

from __future__ import annotations

from benhan.core.access import Door, LiveDoor

DOORS: list[Door | LiveDoor] = []
