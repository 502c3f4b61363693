"""`/kit`: every component of the kit on one page, alive, so that it can be seen, tried by keyboard and tested."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.kit import forms, pages
from benhan.core.kit.text import fold
from benhan.core.language import _

#: Words for the search field of the example; the departments search `kit.codes`.
SAMPLE: Final = (
    ("J18.9", "Viêm phổi, tác nhân không xác định"),
    ("J15.9", "Viêm phổi do vi khuẩn, không đặc hiệu"),
    ("J12.9", "Viêm phổi do virus, không đặc hiệu"),
    ("I10", "Tăng huyết áp vô căn (nguyên phát)"),
    ("E11.9", "Đái tháo đường típ 2, không biến chứng"),
)


def fields() -> list[forms.Field]:
    """The fields of the example form, one of each kind."""
    sexes = [("female", _("Nữ")), ("male", _("Nam")), ("other", _("Khác"))]
    return [
        forms.text("name", _("Họ và tên"), required=True, most=80),
        forms.birth_date("birth", _("Ngày sinh"), required=True),
        forms.choice("sex", _("Giới tính"), sexes, required=True),
        forms.phone("phone", _("Điện thoại"), hint=_("10 chữ số, hoặc +84")),
        forms.number("weight", _("Cân nặng"), lowest="0.3", highest=300, places=1, unit="kg"),
        forms.choice("group", _("Ưu tiên"), [("old", _("Từ 80 tuổi")), ("child", _("Dưới 6 tuổi"))]),
        forms.long_text("reason", _("Lý do khám"), most=500),
        forms.flag("agrees", _("Đồng ý chia sẻ hồ sơ với cơ sở khác")),
    ]


async def components_page(request: Request, _tx: Any, _who: Any) -> Response:
    """Show each component; `?q=` answers the search field, a POST checks the example form and keeps nothing."""
    found = [row for row in SAMPLE if fold(request.query_params.get("q", "")) in fold(" ".join(row))]
    if pages.is_fragment(request):
        return pages.render(request, "kit/kit_options.html", found=found)
    if "sheet" in request.query_params:
        return pages.render(request, "kit/kit_sheet.html")
    form = forms.blank(fields(), name="Đặng Thị Tâm", birth=date(1980, 2, 3), sex="female")
    if request.method == "POST":
        form = await forms.read_form(request, fields())
    status = 422 if form.errors else 200
    return pages.render(request, "kit/kit.html", status, form=form, found=found, sent=request.method == "POST")
