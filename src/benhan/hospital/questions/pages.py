"""`/hoi-dap`: the questions given to a doctor and to her specialty; a thread, answered, handed over, signed, closed."""

from __future__ import annotations

import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.kit.pictures import MOST_PICTURE, MOST_PICTURES, bare
from benhan.core.language import _, later
from benhan.hospital import emergency
from benhan.hospital.questions import answering, roster, rules, thread
from benhan.hospital.questions.answering import Answer
from benhan.hospital.questions.rules import STATE_NAMES
from benhan.hospital.questions.thread import JPEG, PDF

pages.register("questions", "benhan.hospital.questions")

PATH: Final = "/hoi-dap"
TONES: Final = {"preparation": "warn", "in-progress": "info", "on-hold": "ok", "completed": "grey"}
BY: Final = {"patient": later("Người bệnh"), "relative": later("Người thay mặt"), "doctor": later("Bác sĩ")}
_SAID: Final = {
    "nhan": later("Câu hỏi này là của bạn"), "chuyen": later("Đã chuyển"), "tra-loi": later("Đã gửi trả lời"),
    "ky": later("Đã ký vào bệnh án và gửi"), "dong": later("Đã đóng câu hỏi"),
}  # fmt: skip


async def inbox(request: Request, tx: Transaction, who: Subject) -> Response:
    """What waits for a doctor, or what is closed."""
    closed = request.query_params.get("xem") == "dong"
    found = await answering.inbox(tx, who, closed=closed)
    template = "questions/_inbox.html" if pages.is_fragment(request) else "questions/inbox.html"
    mine = [one for one in found if one.practitioner == who.practitioner]
    return pages.render(
        request, template, mine=mine, others=[one for one in found if one not in mine], closed=closed, path=PATH,
        states=STATE_NAMES, tones=TONES, waits=rules.DOCTORS_TURN, toast=_toast(request),
    )  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The thread."""
    return await _page(request, tx, who, None)


async def take(request: Request, tx: Transaction, who: Subject) -> Response:
    """It is hers."""
    await answering.take(tx, who, request.path_params["question"])
    return _back(request, "nhan")


async def hand_over(request: Request, tx: Transaction, who: Subject) -> Response:
    """To a colleague; she goes back to her list."""
    form = await forms.read_form(request, [forms.hidden("bac-si", required=True)])
    form.require()
    await answering.hand_over(tx, who, request.path_params["question"], form["bac-si"])
    return RedirectResponse(f"{PATH}?xong=chuyen", 303)


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """Answer, or ask back; signed as an assessment, if she says so."""
    form = await forms.read_form(request, _fields(), most_bytes=MOST_PICTURES * MOST_PICTURE + forms.MOST_BYTES)
    name, body = await _sent(form)
    if form["nhan-dinh"] and not form["password"]:
        form.errors.add("password", _("Nhập mật khẩu để ký nhận định"))
    if form.errors:
        return await _page(request, tx, who, form)
    signs = bool(form["nhan-dinh"])
    try:
        said = Answer(words=form["words"], files=_files(name, body), password=form["password"] if signs else "")
        await answering.answer(tx, who, request.path_params["question"], said, form["lan"])
    except Invalid as wrong:
        form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
        return await _page(request, tx, who, form)
    return _back(request, "ky" if signs else "tra-loi")


async def close(request: Request, tx: Transaction, who: Subject) -> Response:
    """The house closes it."""
    await answering.close_for(tx, who, request.path_params["question"])
    return RedirectResponse(f"{PATH}?xong=dong", 303)


async def file(request: Request, tx: Transaction, who: Subject) -> Response:
    """Something that was sent along."""
    found, lines = await answering.opened(tx, who, request.path_params["question"])
    kind, body = await thread.file(tx, who, found.first, lines, request.path_params["file"])
    return Response(body, media_type=kind, headers={"Content-Disposition": "inline"})


def _fields() -> list[forms.Field]:
    return [
        forms.hidden("lan", required=True, most=64),
        forms.long_text("words", _("Trả lời hoặc hỏi lại"), required=True, most=rules.MOST_WORDS),
        forms.flag(
            "nhan-dinh", _("Đây là nhận định về sức khoẻ: ký vào bệnh án"),
            hint=_("Lời khuyên chung thì không cần. Nhận định (chẩn đoán, đổi thuốc, có cần khám ngay) thì phải ký."),
        ),
        forms.secret("password", _("Mật khẩu của bạn (để ký)"), required=False),
    ]  # fmt: skip


async def _sent(form: Form) -> tuple[str, bytes]:
    """The file that came along: its name and body."""
    sent = form.files.get("tep")
    if sent is None:
        return "", b""
    body = await sent.read()
    await sent.close()
    return (sent.filename or "")[:80], body


def _files(name: str, body: bytes) -> tuple[tuple[str, str, bytes], ...]:
    """The one file that may be sent along: a JPEG or a PDF.

    Raises:
        Invalid: it is neither, or too large.
    """
    if not body:
        return ()
    if len(body) > MOST_PICTURE:
        raise Invalid(_("Tệp quá lớn (tối đa 500 KB)."), where="tep")
    if body.startswith(b"%PDF-"):
        return ((PDF, name or "PDF", body),)
    return ((JPEG, _("Ảnh"), bare(body)),)


async def _page(request: Request, tx: Transaction, who: Subject, form: Form | None) -> Response:
    found, lines = await answering.opened(tx, who, request.path_params["question"])
    colleagues = {
        one.practitioner: one.doctor for one in await roster.everybody(tx, who)
        if one.service == found.service and one.practitioner != who.practitioner
    }  # fmt: skip
    shown = [found.first, *lines]
    return pages.render(
        request, "questions/one.html", 422 if form else 200, one=found, lines=shown, colleagues=colleagues, path=PATH,
        form=form or forms.blank(_fields(), lan=secrets.token_hex(16)), states=STATE_NAMES, tones=TONES, by=BY,
        late=found.late(clock.now()), mine=found.practitioner == who.practitioner, toast=_toast(request),
        heard=sorted({word for line in shown for word in emergency.heard(line.words)}),
        answered=any(line.by == "doctor" for line in lines),
    )  # fmt: skip


def _back(request: Request, done: str) -> Response:
    return RedirectResponse(f"{PATH}/{request.path_params['question']}?xong={done}", 303)


def _toast(request: Request) -> str:
    return _(_SAID.get(request.query_params.get("xong", ""), ""))


_MAY = Permission.ANSWER_QUESTIONS
_ONE = f"{PATH}/{{question}}"
DOORS = [
    Door(PATH, inbox, _MAY),
    Door(_ONE, show, _MAY),
    Door(f"{_ONE}/nhan", take, _MAY, ("POST",)),
    Door(f"{_ONE}/chuyen", hand_over, _MAY, ("POST",)),
    Door(f"{_ONE}/tra-loi", answer, _MAY, ("POST",)),
    Door(f"{_ONE}/dong", close, _MAY, ("POST",)),
    Door(f"{_ONE}/tep/{{file}}", file, _MAY),
]
NAV = [NavItem(later("Hỏi đáp"), PATH, _MAY)]
