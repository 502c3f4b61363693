"""SearchParameters brought in at run time: read from the resource, checked, compiled. Pure.

What the small language of `paths` can read becomes attribute reads; anything else is FHIRPath, bounded by its own
rules. Standard: HL7 FHIR R4, SearchParameter.
"""

from __future__ import annotations

import re
from typing import get_args

from benhan.core.fhir import fhirpath, r4, systems
from benhan.core.fhir.definitions import PARAMETERS, PATH_OF_DEFINITION, Component, Kind, SearchParameter, component
from benhan.core.fhir.outcome import Invalid
from benhan.core.fhir.paths import UnknownElement, UnsupportedPath, compile_path
from benhan.core.fhir.search import compiled
from benhan.core.language import _

#: Types one SearchParameter may be for, and components it may have.
MAX_TYPES = 20
MAX_COMPONENTS = 5
MAX_EXPRESSION = 1000

#: Addresses of the definitions in `own_parameters`.
OURS = f"{systems.BENHAN}/SearchParameter/benhan-"

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_SERVED = frozenset(get_args(Kind)) - {"special"}


def is_base(resource: r4.SearchParameter) -> bool:
    """Whether it is one of R4's or of ours: these are served already, and kept as text only."""
    return (resource.url or "").startswith((PATH_OF_DEFINITION, OURS))


def read(resource: r4.SearchParameter) -> list[SearchParameter]:
    """What an active SearchParameter asks to be indexed, one for each type; without numbers (0).

    Raises:
        Invalid: it is not one that can be served; the element and, in an expression, the place are named.
    """
    code, types = resource.code or "", resource.base or []
    if not _CODE.fullmatch(code):
        raise _invalid(
            "code", _("Mã điều kiện tìm “%(code)s” không dùng được: chỉ chữ, số và gạch nối.", code=code[:60])
        )
    if resource.type not in _SERVED:
        raise _invalid("type", _("Chưa hỗ trợ điều kiện tìm loại %(kind)s.", kind=resource.type))
    if not 0 < len(types) <= MAX_TYPES:
        raise _invalid("base", _("Cần từ 1 đến %(n)s loại bản ghi.", n=MAX_TYPES))
    return [_of_type(resource, name) for name in dict.fromkeys(types)]


def _of_type(resource: r4.SearchParameter, name: str) -> SearchParameter:
    code, expression = resource.code or "", resource.expression or ""
    if name not in PARAMETERS:
        raise _invalid("base", _("Phải nêu từng loại bản ghi; không nhận “%(name)s”.", name=name))
    if code in PARAMETERS[name]:
        raise _invalid("code", _("%(name)s đã có điều kiện tìm “%(code)s”.", name=name, code=code))
    if not expression or len(expression) > MAX_EXPRESSION:
        raise _invalid("expression", _("Cần biểu thức FHIRPath, không quá %(n)s ký tự.", n=MAX_EXPRESSION))
    components = tuple(_component(one, at) for at, one in enumerate(resource.component or []))
    if resource.type == "composite" and not 2 <= len(components) <= MAX_COMPONENTS:
        raise _invalid("component", _("Điều kiện ghép cần từ 2 đến %(n)s thành phần.", n=MAX_COMPONENTS))
    kind: Kind = resource.type  # type: ignore[assignment]  # checked by read
    made = SearchParameter(0, name, code, kind, expression, tuple(resource.target or ()), components, resource.id or "")
    _try(made)
    return made


def _component(one: r4.SearchParameterComponent, at: int) -> Component:
    where = f"component[{at}]"
    definition = one.definition or ""
    found = component(definition.removeprefix(PATH_OF_DEFINITION), one.expression or "")
    if not definition.startswith(PATH_OF_DEFINITION) or not found:
        raise _invalid(
            f"{where}.definition", _("Thành phần phải là điều kiện tìm của R4; không biết %(one)s.", one=definition)
        )
    return found


def _try(parameter: SearchParameter) -> None:
    """Compile it as it will be compiled for indexing.

    Raises:
        Invalid: it cannot be; an expression that reads nothing of the type is refused too.
    """
    try:
        if not compiled([parameter]):
            raise _invalid("expression", _("Biểu thức không đọc phần tử nào của %(name)s hợp với loại %(kind)s.",
                                           name=parameter.type, kind=parameter.kind))  # fmt: skip
    except UnknownElement as error:
        raise _invalid("expression", _("R4 không có phần tử %(name)s.", name=str(error)[:100])) from None
    except UnsupportedPath as error:
        raise _invalid("expression", _("Không đọc được biểu thức: %(why)s", why=str(error)[:200])) from None
    except fhirpath.BadExpression as error:
        raise _invalid("expression", str(error)) from None


def reads_by_path(parameter: SearchParameter) -> bool:
    """Whether attribute reads do it, without FHIRPath."""
    try:
        return bool(compile_path(parameter.expression, parameter.type))
    except UnsupportedPath:
        return False


def _invalid(element: str, message: str) -> Invalid:
    return Invalid(message, where=f"SearchParameter.{element}", advice=_("Sửa định nghĩa rồi gửi lại; chưa ghi gì."))
