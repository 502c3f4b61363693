"""Errors that have something to say to the person, and their form for machines: `OperationOutcome`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from benhan.core.fhir import r4


class Problem(Exception):  # noqa: N818 - also what a person is told, not only an error
    """Something went wrong and somebody can do something about it.

    `status` is the HTTP status, `code` the FHIR issue-type, `message` Vietnamese text for the person,
    `where` the FHIRPath expression or form field, `advice` what to do next. `issues` replaces the single
    issue when there are several.
    """

    #: The rule of the policy that refused, for the trace.
    rule: str = ""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        where: str | None = None,
        advice: str | None = None,
        issues: Sequence[r4.OperationOutcomeIssue] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.where = where
        self.advice = advice
        self.issues = list(issues) if issues else None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def outcome(self) -> r4.OperationOutcome:
        """The same as a FHIR resource, to answer a machine with."""
        issues = self.issues or [issue(self.code, self.message, where=self.where, advice=self.advice)]
        return r4.OperationOutcome(issue=issues)


class _Coded(Problem):
    """A Problem whose status and usual issue-type are known by its name."""

    usual_status: ClassVar[int] = 400
    usual_code: ClassVar[str] = "invalid"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        where: str | None = None,
        advice: str | None = None,
        issues: Sequence[r4.OperationOutcomeIssue] | None = None,
    ) -> None:
        super().__init__(self.usual_status, code or self.usual_code, message, where=where, advice=advice, issues=issues)


class Malformed(_Coded):
    """400: the bytes are not what they claim to be."""

    usual_code = "structure"


class Invalid(_Coded):
    """422: understood, but against the rules."""

    usual_status = 422


class NotFound(_Coded):
    """404: there is no such thing, or it is not yours to know of."""

    usual_status = 404
    usual_code = "not-found"


class Gone(_Coded):
    """410: it was deleted; its history remains."""

    usual_status = 410
    usual_code = "deleted"


class Forbidden(_Coded):
    """403: signed in, but may not."""

    usual_status = 403
    usual_code = "forbidden"


class SignInNeeded(_Coded):
    """401: who is asking is not known."""

    usual_status = 401
    usual_code = "login"


class Conflict(_Coded):
    """409: somebody else already has it (a slot, a number, a bed)."""

    usual_status = 409
    usual_code = "conflict"


class VersionConflict(_Coded):
    """412: the record changed since it was read."""

    usual_status = 412
    usual_code = "conflict"


class TooLarge(_Coded):
    """413: more than the server takes at once."""

    usual_status = 413
    usual_code = "too-long"


def issue(
    code: str,
    message: str,
    *,
    where: str | None = None,
    advice: str | None = None,
    severity: str = "error",
) -> r4.OperationOutcomeIssue:
    """One issue; the advice follows the message as `diagnostics`, `where` becomes `expression`."""
    return r4.OperationOutcomeIssue(
        severity=severity,
        code=code,
        details=r4.CodeableConcept(text=message),
        diagnostics=advice,
        expression=[where] if where else None,
    )
