"""The Department's view on paper, and a page for a visit: what `report.typ`, `slides.typ`, `visit.typ` show. Pure.

Slides are a PDF of 16:9 pages made by Typst, which makes every other paper here: it shows full screen anywhere, looks
the same everywhere and needs no further library; who must edit them has the Excel file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from benhan.core.kit.clock import vn_date
from benhan.core.kit.money import figures as grouped
from benhan.core.language import _
from benhan.province.rollout import words
from benhan.province.rollout.figures import Count, View
from benhan.province.rollout.rules import What, standing
from benhan.province.rollout.sites import Kept

_HERE: Final = Path(__file__).parent
REPORT: Final = _HERE / "report.typ"
SLIDES: Final = _HERE / "slides.typ"
VISIT: Final = _HERE / "visit.typ"
#: Rows of one slide; the report shows so many areas and vendors.
MOST_BARS: Final = 10
MOST_ROWS: Final = 60
#: Tasks and notes of a page for a visit, and the letters of one.
MOST_NOTES: Final = 4
MOST_LETTERS: Final = 240


def report(found: View, facility: str, where: str) -> dict[str, Any]:
    """What the report and the slides say of a day."""
    total = found.total
    return {
        "facility": {"name": facility}, "date": found.day.isoformat(), "title": _("Tiến độ số hoá hồ sơ bệnh án"),
        "subtitle": " · ".join(filter(None, [_("Đến ngày %(day)s", day=vn_date(found.day)), where, _group(found)])),
        "count": f"{grouped(total.done)}/{grouped(total.n)}", "share": _share(total), "percent": total.percent,
        "meaning": _("đã bỏ giấy, quyết định đã được xác minh"), "lines": _lines(found),
        "months_title": _("Số cơ sở đã bỏ giấy, cuối mỗi tháng"),
        "months": [{"month": f"{one.day:%m/%y}", "done": one.done} for one in found.line], "target": total.n,
        "target_said": _("Đường đứt: mục tiêu %(n)s cơ sở.", n=grouped(total.n)), "tables": _tables(found),
        "bars": _bars(found), "delays_title": _("Vì sao chậm"),
        "delays": [{"name": one.name, "n": one.n - one.done} for one in found.delays],
        "how": _("Cơ sở được tính khi người đứng đầu đã ra quyết định dùng bệnh án điện tử thay giấy và Sở đã xác"
                 " minh, từ ngày của quyết định. Giai đoạn, lý do chậm là của ngày in."),
    }  # fmt: skip


def _group(found: View) -> str:
    names = {"benh-vien": _("Bệnh viện"), "khac": _("Cơ sở khác"), "tat-ca": _("Tất cả cơ sở")}
    part = found.part
    return " · ".join(filter(None, [names[part.group], words.said("owner", part.owner), part.wave]))


def _lines(found: View) -> list[str]:
    total, before = found.total, found.before
    said = [
        _("Ngày %(day)s: %(n)s đã bỏ giấy, nay thêm %(more)s.", day=vn_date(before.day), n=grouped(before.done),
          more=grouped(total.done - before.done)),
        _("%(n)s cơ sở quá hạn luật định, %(behind)s chậm hơn kế hoạch của mình, %(waits)s quyết định chờ xác minh.",
          n=grouped(total.late), behind=grouped(total.behind), waits=grouped(total.waits)),
    ]  # fmt: skip
    if found.forecast:
        expected = found.forecast
        said.append(
            _("Dự báo đến %(day)s: %(low)s đến %(high)s trên %(all)s (80 %% khả năng, theo nhịp 180 ngày qua).",
              day=vn_date(expected.day), low=grouped(expected.low), high=grouped(expected.high),
              all=grouped(expected.whole))
        )  # fmt: skip
    return said


def _tables(found: View) -> list[dict[str, Any]]:
    heads = [_("Đã bỏ giấy"), _("Tỷ lệ"), _("Quá hạn")]
    counted = [
        (_("Theo khối"), found.owners), (_("Theo loại hình"), found.kinds), (_("Theo đợt"), found.waves),
        (_("Theo địa bàn"), found.areas[:MOST_ROWS]), (_("Cách đầu tư"), found.ways),
        (_("Nhà cung cấp"), found.vendors[:MOST_ROWS]),
    ]  # fmt: skip
    made = [
        {"title": title, "columns": ["", *heads],
         "rows": [[one.name, f"{grouped(one.done)}/{grouped(one.n)}", _share(one), grouped(one.late)] for one in rows]}
        for title, rows in counted if rows
    ]  # fmt: skip
    for title, rows in ((_("Theo giai đoạn"), found.stages), (_("Lý do chậm"), found.delays)):
        if rows:
            made.append({"title": title, "columns": ["", _("Cơ sở")],
                         "rows": [[one.name, grouped(one.n)] for one in rows]})  # fmt: skip
    return made


def _bars(found: View) -> list[dict[str, Any]]:
    sides = [(_("Theo khối"), found.owners), (_("Theo loại hình"), found.kinds), (_("Theo đợt"), found.waves),
             (_("Địa bàn còn nhiều việc nhất"), found.areas), (_("Nhà cung cấp"), found.vendors)]  # fmt: skip
    return [{"title": title, "rest": _rest(rows), "rows": [_bar(one) for one in rows[:MOST_BARS]]}
            for title, rows in sides if rows]  # fmt: skip


def _rest(rows: Sequence[Count]) -> str | None:
    more = len(rows) - MOST_BARS
    return _("và %(n)s dòng nữa trong báo cáo", n=grouped(more)) if more > 0 else None


def _bar(one: Count) -> dict[str, Any]:
    return {"name": one.name[:40], "percent": one.percent, "said": f"{grouped(one.done)}/{grouped(one.n)}"}


def _share(one: Count) -> str:
    return "–" if one.percent is None else f"{one.percent} %"


def visit(kept: Kept, facility: str, today: date) -> dict[str, Any]:
    """What the page for a visit says."""
    site, state = kept.site, kept.state
    counting = standing(kept.entries)
    done = {one.said["stage"]: one.holds for one in counting if one.what is What.STAGE}
    notes = [one for one in reversed(counting) if one.what is What.NOTE][:MOST_NOTES]
    return {
        "facility": {"name": facility}, "date": today.isoformat(), "title": _("Phiếu đi thăm cơ sở"),
        "subtitle": _("In ngày %(day)s", day=vn_date(today)), "name": site.name, "alerts": _alerts(kept, today),
        "facts": _facts(kept), "marks_title": _("Mốc"), "marks_columns": [_("Giai đoạn"), _("Dự kiến"), _("Thực tế")],
        "marks": [[str(stage), vn_date(state.plan.get(code)) or "–", vn_date(done.get(code)) or "–"]
                  for code, stage in words.stages().items() if code not in ("not-started", "paused")],
        "tasks_title": _("Việc đang mở"), "no_tasks": _("Không còn việc nào mở"),
        "tasks": [f"{one.said['task']} – {one.said['whom']} – {vn_date(one.said['until'])}"[:MOST_LETTERS]
                  for one in state.tasks[: 2 * MOST_NOTES]],
        "notes_title": _("Ghi chú gần đây"),
        "notes": [f"{vn_date(one.holds)}, {one.name}: {one.said['note']}"[:MOST_LETTERS] for one in notes],
        "ask_title": _("Ghi tại chỗ"), "signs": [_("Cán bộ của Sở"), _("Đại diện cơ sở")],
    }  # fmt: skip


def _alerts(kept: Kept, today: date) -> list[str]:
    site, state = kept.site, kept.state
    said = []
    if site.late(today):
        said.append(_("Quá hạn luật định %(day)s.", day=vn_date(site.due)))
    if site.behind(today):
        said.append(_("Chậm kế hoạch %(day)s.", day=vn_date(site.planned)))
    if state.waiting:
        said.append(_("Quyết định %(number)s chờ xác minh.", number=state.waiting.said.get("number", "")))
    if state.returned:
        said.append(_("Quyết định bị trả lại: %(what)s", what=state.returned.said["remark"][:MOST_LETTERS]))
    return said


def _facts(kept: Kept) -> list[tuple[str, str]]:
    site, facts, means = kept.site, kept.state.facts, kept.state.means
    price = f"{grouped(means['price'])} ₫" if means.get("price") else "–"
    return [
        (_("Mã"), " · ".join(filter(None, [site.code, site.gln])) or "–"),
        (_("Giai đoạn"), words.said("stage", site.stage)),
        (_("Loại hình"), words.said("kind", site.kind)), (_("Khối"), words.said("owner", site.owner)),
        (_("Nơi"), site.place or "–"), (_("Địa chỉ"), facts.get("address") or "–"),
        (_("Người đứng đầu"), facts.get("director") or "–"), (_("Đầu mối CNTT"), facts.get("contact") or "–"),
        (_("Điện thoại"), facts.get("phone") or "–"), (_("Giường kế hoạch"), grouped(facts.get("beds", 0)) or "–"),
        (_("Hạn luật định"), vn_date(site.due)), (_("Ngày dự kiến"), vn_date(site.planned) or "–"),
        (_("Lý do chậm"), words.said("delay", site.delay) or "–"),
        (_("Phạm vi"), words.said("scope", site.scope) or "–"),
        (_("Cách đầu tư"), words.said("way", site.way) or "–"), (_("Giá"), price),
        (_("Nhà cung cấp"), site.vendor or "–"), (_("Thăm gần nhất"), vn_date(site.visited) or "–"),
    ]  # fmt: skip
