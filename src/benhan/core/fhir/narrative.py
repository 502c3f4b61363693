"""Narrative XHTML: well formed, and only the formatting that FHIR allows (no script, form, frame or event).

Whatever shows a record's text may then trust its markup. Standard: FHIR R4, invariants txt-1 and txt-2.
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from xml.parsers import expat

from benhan.core.language import _

_ELEMENTS = (
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img "
    "li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var"
)
_ATTRIBUTES = (
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset "
    "cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap "
    "rel rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace "
    "width xml:lang xml:space xmlns"
)

ELEMENTS = frozenset(_ELEMENTS.split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_UNSAFE_ADDRESS = re.compile(r"(javascript|vbscript):", re.IGNORECASE)
_BLANKS = re.compile(r"[\s\x00-\x20]")


class _NotAllowed(Exception):  # noqa: N818 - leaves the parser, seen by `narrative` only
    pass


def narrative(text: str) -> str | None:
    """None when `text` is a safe `div`, else what is wrong."""
    parser = expat.ParserCreate()
    depth = 0
    said = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, said
        depth += 1
        said = said or name == "img"
        if depth == 1 and name != "div":
            raise _NotAllowed(_("nội dung phải là một phần tử <div>"))
        _check_element(name, attributes)

    def text_in(part: str) -> None:
        nonlocal said
        if not part.isspace():
            said, parser.CharacterDataHandler = True, None

    def refuse_doctype(*_said: object) -> None:
        raise _NotAllowed(_("không được có DOCTYPE"))

    parser.StartElementHandler = start
    parser.CharacterDataHandler = text_in
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(_ENTITY.sub(_numbered, text), True)
    except expat.ExpatError as error:
        return _("XHTML không đúng cú pháp: %(why)s", why=error)
    except _NotAllowed as refusal:
        return str(refusal)
    return None if said else _("nội dung trống")


def _check_element(name: str, attributes: dict[str, str]) -> None:
    if name not in ELEMENTS:
        raise _NotAllowed(_("không được dùng phần tử <%(name)s>", name=name[:40]))
    for attribute, value in attributes.items():
        if attribute not in ATTRIBUTES and not attribute.startswith("xmlns:"):
            raise _NotAllowed(_("không được dùng thuộc tính %(name)s", name=attribute[:40]))
        if attribute in ("href", "src", "cite", "longdesc") and _unsafe(attribute, value):
            raise _NotAllowed(_("địa chỉ trong %(name)s không an toàn", name=attribute))


def _unsafe(attribute: str, address: str) -> bool:
    """Script in any address (browsers skip blanks inside); data only as the source of an image."""
    bare = _BLANKS.sub("", address)
    return bool(_UNSAFE_ADDRESS.match(bare)) or (attribute != "src" and bare[:5].lower() == "data:")


def _numbered(found: re.Match[str]) -> str:
    """`&nbsp;` as a character reference: XML itself knows five names only."""
    name = found.group(1)
    if name in _XML_ENTITIES or name not in name2codepoint:
        return found.group(0)
    return f"&#{name2codepoint[name]};"
