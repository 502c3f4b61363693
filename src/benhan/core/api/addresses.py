"""Addresses of FHIR: `{type:resource}` and `{id:one}` in the path of a door, and what stands there.

A name that begins with `_` or `$` (`_history`, `_search`, `$validate`) is neither, so no door swallows another's.
Standard: HL7 FHIR R4, 3.1.0.1.2 (service base URL), 2.24.0.1 (id).
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request

from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _

#: Characters of a query string; parameters in it.
MAX_QUERY = 20_000
MAX_PARAMETERS = 200

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


class _Type(StringConvertor):
    regex = "[A-Za-z][A-Za-z-]*"


class _One(StringConvertor):
    regex = "[^/$_][^/]*"


register_url_convertor("resource", _Type())
register_url_convertor("one", _One())


def type_of(request: Request) -> type[r4.Resource]:
    """The resource type of the address.

    Raises:
        NotFound: R4 has no such type.
    """
    return codec.resource_type(request.path_params["type"])


def id_of(request: Request) -> str:
    """The id of the address.

    Raises:
        Malformed: it cannot be one.
    """
    id_: str = request.path_params["id"]
    if not _ID.fullmatch(id_):
        raise Malformed(
            _("Mã bản ghi gồm 1–64 chữ cái, chữ số, dấu gạch nối hoặc dấu chấm; nhận được “%(id)s”.", id=id_[:80]),
            code="value", where="id",
        )  # fmt: skip
    return id_


def query(text: str) -> dict[str, list[str]]:
    """A query string as parameters; a repeated one keeps all its values.

    Raises:
        Malformed: too long, too many, or not UTF-8.
    """
    if len(text) > MAX_QUERY:
        raise Malformed(
            _("Câu hỏi dài quá %(n)s ký tự.", n=MAX_QUERY), code="too-long", advice=_("Dùng POST _search, chia nhỏ.")
        )
    asked: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except UnicodeDecodeError:
        raise Malformed(_("Câu hỏi không phải UTF-8."), code="value") from None
    except ValueError:
        raise Malformed(_("Câu hỏi có quá %(n)s điều kiện.", n=MAX_PARAMETERS), code="too-costly") from None
    for name, value in pairs:
        asked.setdefault(name, []).append(value)
    return asked
