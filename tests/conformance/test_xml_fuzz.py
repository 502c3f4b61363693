"""Whatever XML arrives, reading it gives a resource or a Problem; and what was read can be written and read again."""

from __future__ import annotations

import os
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from benhan.core.fhir import codec, xml
from benhan.core.fhir.outcome import Problem

#: `BENHAN_FUZZ=10000` in the nightly run.
CASES = int(os.environ.get("BENHAN_FUZZ", "400"))
DOCUMENTS = [
    f'<?xml version="1.0"?><Patient xmlns="{xml.FHIR}"><id value="a"/><text><status value="generated"/>'
    f'<div xmlns="{xml.XHTML}"><p>x &lt; y</p></div></text><contained><Basic><code><text value="c"/></code></Basic>'
    '</contained><extension url="urn:x"><valueDecimal value="1.10"/></extension><active value="true"/>'
    '<name id="n"><given value="A"/><given value="B"><extension url="urn:y"><valueCode value="z"/></extension></given>'
    "</name></Patient>",
    f'<Bundle xmlns="{xml.FHIR}"><type value="batch"/><entry><fullUrl value="urn:uuid:1"/><resource><Observation>'
    '<status value="final"/><code><text value="x"/></code><valueQuantity><value value="5.40"/></valueQuantity>'
    '</Observation></resource><request><method value="POST"/><url value="Observation"/></request></entry></Bundle>',
]
NAMES = st.sampled_from(
    ["Patient", "Bundle", "entry", "resource", "contained", "name", "given", "extension", "div", "text", "active",
     "status", "valueDecimal", "id", "code", "la"]
)  # fmt: skip
TEXTS = st.sampled_from(["", "a", "1.10", "true", "-0", "1e400", "9" * 5000, "&#0;", "&a;", "<", '"', "\u1ea4", "]]>"])
PIECES = st.one_of(
    NAMES.map(lambda name: f"<{name}>"), NAMES.map(lambda name: f"</{name}>"), NAMES.map(lambda name: f"<{name}/>"),
    st.builds('<{} value="{}"/>'.format, NAMES, TEXTS), st.builds('<{} url="{}" id="{}">'.format, NAMES, TEXTS, TEXTS),
    TEXTS, st.sampled_from(["<!-- a -->", "<?x y?>", "<![CDATA[x]]>", f'<div xmlns="{xml.XHTML}">', 'xmlns="urn:x"']),
)  # fmt: skip


def _whole_way(body: bytes) -> None:
    try:
        resource = xml.decode(body)
        assert xml.decode(xml.encode(resource)) == resource
    except Problem as problem:
        assert xml.decode(xml.encode(problem.outcome()))


@settings(max_examples=CASES)
@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    _whole_way(body)


@settings(max_examples=CASES)
@given(st.lists(PIECES, max_size=12))
def test_anything_inside_a_patient(pieces: list[str]) -> None:
    _whole_way(f'<Patient xmlns="{xml.FHIR}">{"".join(pieces)}</Patient>'.encode())


@settings(max_examples=CASES)
@given(st.sampled_from(DOCUMENTS), st.randoms(use_true_random=False), st.lists(PIECES, min_size=1, max_size=3))
def test_a_good_document_with_pieces_cut_and_put_elsewhere(
    document: str, chance: random.Random, pieces: list[str]
) -> None:
    for piece in pieces:
        start, end, to = (chance.randrange(len(document) + 1) for _ in range(3))
        document = document[:to] + (piece if chance.random() < 0.5 else document[start:end]) + document[to:]
        if chance.random() < 0.5:
            document = document[: min(start, end)] + document[min(start, end) + chance.randrange(12) :]
    _whole_way(document.encode())


def test_the_documents_themselves_are_good() -> None:
    for document in DOCUMENTS:
        assert codec.encode(xml.decode(document.encode()))
