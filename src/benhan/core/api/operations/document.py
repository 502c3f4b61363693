"""`Composition/[id]/$document`: a paper with everything it speaks of, as one Bundle that can be given away.

Standard: HL7 FHIR R4, Composition/$document and 3.3 (documents): the Composition first, then its subject and whatever
it refers to; what those need to be read (people, organisations, medicines) comes along.
"""

from __future__ import annotations

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Interaction, Subject
from benhan.core.api import messages
from benhan.core.api.operations.everything import entry
from benhan.core.api.operations.inputs import inputs
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid, Malformed
from benhan.core.language import _
from benhan.core.store import guarding
from benhan.core.store.everything import SUPPORTING, references, resolve
from benhan.core.store.records import instant, now, permit

MAX_RESOURCES = 2000


async def document(request: Request, tx: Transaction, who: Subject) -> Response:
    """The document of a Composition; with `persist=true` (POST) it is also kept as a Bundle.

    A reference to a record that is not here stays a reference. What the caller may not read is refused: a document
    that silently lacks a section would mislead.
    """
    asked = (await inputs(request)).only("persist")
    persist = asked.flag("persist")
    if persist and request.method != "POST":
        raise Malformed(_("Lưu văn bản cần gọi bằng POST."), where="persist")
    paper = await store.read(tx, who, r4.Composition, request.path_params["id"])
    made = await _bundle(tx, who, paper, messages.base(request))
    if persist:
        made = await store.create(tx, who, made)
    return messages.answer(made)


async def _bundle(tx: Transaction, who: Subject, paper: r4.Composition, base: str) -> r4.Bundle:
    own = f"Composition/{paper.id}"
    named = [one for one in dict.fromkeys(references(codec.encode(paper))) if "/".join(one) != own]
    if len(named) > MAX_RESOURCES:
        raise Invalid(_("Văn bản dẫn tới quá %(n)s bản ghi.", n=MAX_RESOURCES), code="too-costly")
    for type_name in sorted({name for name, _id in named}):
        decision = permit(who, Interaction.READ, type_name)
        of_type = [one for one in named if one[0] == type_name]
        if set(of_type) != await guarding.open_among(tx, decision, who.facility, of_type):
            raise guarding.shut(decision.rule, type_name)
    found = await resolve(tx, who, named)
    further = {
        target
        for one in found.values()
        for target in references(codec.encode(one))
        if target[0] in SUPPORTING and "/".join(target) not in found
    }
    beside = await resolve(tx, who, sorted(further))
    ordered = [found[place] for place in map("/".join, named) if place in found]
    return r4.Bundle(
        identifier=r4.Identifier(system="urn:ietf:rfc:3986", value=f"urn:uuid:{uuid4()}"),
        type="document",
        timestamp=instant(now()),
        entry=[entry(base, one) for one in (paper, *ordered, *beside.values())],
    )
