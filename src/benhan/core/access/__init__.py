"""Who may do what: accounts, sessions, roles, policy, doors, audit. It decides; it touches no record.

Source: Law 15/2023 art. 69 (who may read a record), TT 13/2025/TT-BYT art. 5 (permissions, trace of access).
"""

from benhan.core.access.doors import Door, Edge, LiveDoor
from benhan.core.access.policy import Decision, decide, may
from benhan.core.access.roles import Permission, Role
from benhan.core.access.subject import Subject, service
from benhan.core.access.vocabulary import Interaction

__all__ = [
    "Decision",
    "Door",
    "Edge",
    "Interaction",
    "LiveDoor",
    "Permission",
    "Role",
    "Subject",
    "decide",
    "may",
    "service",
]
