"""Who may touch which record, and who may come through which door: the tables, held to their word."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from benhan.app import PLAIN_PATHS
from benhan.core.access import Door, Edge, Interaction, Permission, Role, Subject, decide, service
from benhan.core.access.doorway import Doorway
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Transaction
from tests.core.access.reference_policy import letters_of

Someone = Callable[..., Subject]


def test_what_is_not_allowed_by_a_rule_is_refused() -> None:
    assert not decide(service(Role.PUBLIC, 1), Interaction.READ, "Patient").allowed
    assert not decide(service(Role.CASHIER, 1), Interaction.UPDATE, "Patient").allowed
    assert not decide(service(Role.RECEPTION, 1), Interaction.SEARCH, "Observation").allowed


def test_nobody_at_a_facility_deletes_a_record() -> None:
    for role in Role:
        assert not decide(service(role, 1), Interaction.DELETE, "Patient").allowed


def test_a_decision_names_the_rule_that_made_it() -> None:
    assert decide(service(Role.DOCTOR, 1), Interaction.CREATE, "Condition").rule == "doctor-writes-chart"


def test_a_patient_is_limited_to_her_own_compartment() -> None:
    her = msgspec.structs.replace(service(Role.PATIENT, 1), patient="p1")
    assert decide(her, Interaction.READ, "Observation").only_patient == "p1"
    assert decide(her, Interaction.READ, "Practitioner").only_patient is None
    assert decide(msgspec.structs.replace(her, patient=None), Interaction.READ, "Observation").only_patient == ""


@pytest.mark.parametrize("type_name", ["Task", "Location"])
def test_a_waiting_room_display_sees_tickets_and_rooms_only(type_name: str) -> None:
    assert decide(service(Role.DISPLAY, 1), Interaction.SEARCH, type_name).allowed
    assert set(letters_of(Role.DISPLAY)) == {"Location", "Organization", "HealthcareService", "Task"}


@pytest.mark.parametrize("text", ["", "patient/*.r", "system/*.rc", "system/patient.r", "system/*.", "system/*.x", "x"])
def test_a_scope_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        parse_scopes(text)


async def _open_to_all(request: Request, tx: Transaction, who: Subject) -> Response:
    return Response()


def test_a_route_without_a_declared_permission_stops_the_program() -> None:
    def refuse(request: Request, problem: Exception) -> Response:
        return Response()

    edge = Edge(lambda: None, refuse)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="permission"):
        edge.routes([Door("/x", _open_to_all, None)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="permission"):
        edge.routes([("/x", _open_to_all)])  # type: ignore[list-item]
    edge.routes([Door("/x", _open_to_all, Permission.SIGNED_IN)])


def test_every_route_of_the_application_is_a_door_or_named_as_plain(app: Starlette) -> None:
    sockets = [route for route in app.routes if isinstance(route, WebSocketRoute)]
    assert {route.path for route in sockets} == {door.path for door in app.state.sockets}
    doorway, *others = [route for route in app.routes if route not in sockets]
    assert isinstance(doorway, Doorway)
    assert doorway.paths == {door.path for door in app.state.doors}
    assert {getattr(route, "path", "") for route in others} == set(PLAIN_PATHS)
