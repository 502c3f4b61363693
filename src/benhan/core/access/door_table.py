"""The table of doors: every address, and whom it lets in. The program draws it from what its doors declare.

It is kept as text (`benhan/doors.md`) and reviewed like code. The program compares at every start and does not run with
a door, a permission or a role that nobody reviewed. Source: OWASP ASVS 5.0 8.1.1, 8.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff
from typing import Final

import msgspec

from benhan.core.access.doors import Door, LiveDoor
from benhan.core.access.roles import PERMISSIONS, Permission, Role
from benhan.core.access.scopes import parse_scopes
from benhan.core.access.sockets import SocketDoor
from benhan.core.access.subject import service

AnyDoor = Door | LiveDoor | SocketDoor

IN, SCOPE, OUT = "●", "◐", "·"
#: Everything that a program can be allowed.
EVERY_SCOPE: Final = parse_scopes("system/*.cruds bulk/export bulk/import")
COMMAND: Final = "python -m benhan.cli doors > src/benhan/doors.md"
#: Lines of a difference that are told.
MOST_TOLD: Final = 20

_HEAD = f"""\
# Who comes through which door

Drawn by the program from what its doors declare; it does not start when this is not what they say. Read the difference,
then write it with `{COMMAND}`.

`{IN}` lets in · `{OUT}` refuses · `{SCOPE}` lets a program in whose scopes say so. What somebody may do with a record
behind a door is decided for every record (`core/access`). *nobody*: somebody unknown; a door that is open to anyone
asks for something itself where it shows more than the house (a booking number, a link with a birth date, a token).
Where GET is, HEAD is too.
"""


class UnreviewedError(RuntimeError):
    """The program has other doors, or lets others in, than the reviewed table says."""


def drawn(doors: Iterable[AnyDoor], plain: Iterable[str]) -> str:
    """The table. `plain`: addresses that are no doors."""
    entering = [role for role in Role if PERMISSIONS[role] or role is Role.PUBLIC]
    inside = [role for role in Role if role not in entering]
    columns = ["nobody" if role is Role.PUBLIC else str(role) for role in entering]
    asked = max(len(one) for one in Permission)
    lines = [
        _HEAD,
        f"Addresses that touch no record and are no doors: {', '.join(plain)}.",
        f"Roles of the program itself, which open no door: {', '.join(inside)}.\n",
        f"| {' | '.join(columns)} | {'asks for':<{asked}} | {'method':<10} | address |",
        f"|{'|'.join('-' * (len(one) + 2) for one in columns)}|{'-' * (asked + 2)}|{'-' * 12}|---------|",
    ]
    rows = sorted((door.path, _methods(door), str(door.permission), door) for door in doors)
    for path, methods, permission, door in rows:
        marks = (f"{_mark(role, door):<{len(name)}}" for role, name in zip(entering, columns, strict=True))
        lines.append(f"| {' | '.join(marks)} | {permission:<{asked}} | {methods:<10} | `{path}` |")
    return "\n".join(lines) + "\n"


def compare(doors: Iterable[AnyDoor], plain: Iterable[str], reviewed: str) -> None:
    """Hold the doors to the reviewed table.

    Raises:
        UnreviewedError: with the lines that differ.
    """
    now = drawn(doors, plain)
    if now == reviewed:
        return
    told = list(unified_diff(reviewed.splitlines(), now.splitlines(), "reviewed", "now", n=0, lineterm=""))
    more = f"\n… and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    raise UnreviewedError(
        "the doors of this program are not those of the reviewed table; if that is meant, run\n"
        f"    {COMMAND}\nand have the difference reviewed:\n" + "\n".join(told[:MOST_TOLD]) + more
    )


def _mark(role: Role, door: AnyDoor) -> str:
    who, permission = service(role, 0), door.permission
    if role is Role.CLIENT and not isinstance(door, SocketDoor) and door.app:  # its token is no session
        return OUT
    if who.may(permission):
        return IN
    if role is not Role.CLIENT:
        return OUT
    return SCOPE if msgspec.structs.replace(who, scopes=EVERY_SCOPE).may(permission) else OUT


def _methods(door: AnyDoor) -> str:
    match door:
        case Door():
            return " ".join(door.methods)
        case LiveDoor():
            return "GET stream"
        case SocketDoor():
            return "websocket"
