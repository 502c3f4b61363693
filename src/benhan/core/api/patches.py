"""Patches as they come over HTTP: what kind the body is says how it is read."""

from __future__ import annotations

from base64 import b64decode

from starlette.requests import Request

from benhan.core.api import messages
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.fhir.patch import Edit, read_json_patch
from benhan.core.fhir.path_patch import read_path_patch
from benhan.core.language import _

#: Kinds of patch, as the CapabilityStatement declares them.
FORMATS = (messages.JSON_PATCH, messages.JSON, messages.XML)


async def read_patch(request: Request) -> Edit:
    """The patch in the body: JSON Patch, or FHIRPath Patch where it is FHIR (a Parameters resource).

    Raises:
        Malformed, TooLarge; Problem: 415 for another format.
    """
    body = await messages.read_body(request, messages.JSON_PATCH, *messages.JSON_KINDS)
    if messages.content_type(request) == messages.JSON_PATCH:
        return read_json_patch(body)
    return read_path_patch(codec.decode(body, r4.Parameters))


def patch_in(resource: r4.Resource | None) -> tuple[str, bytes]:
    """The patch of a Bundle entry as a body and its kind: a Binary holds a JSON Patch, Parameters are a FHIRPath Patch.

    Source: FHIR R4, 3.1.0.11.2 (PATCH in a transaction).
    """
    if isinstance(resource, r4.Binary):
        try:
            return resource.contentType or "", b64decode(resource.data or "", validate=True)
        except ValueError:
            raise Malformed(_("Binary.data không phải base64."), where="Binary.data") from None
    return messages.JSON, codec.encode(resource) if resource is not None else b""
