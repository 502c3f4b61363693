"""A provider as the operator set it up, an identity that it vouches for, and what may go wrong between."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from benhan.core import language
from benhan.core.language import _, later

Kind = Literal["stale", "denied", "slow", "unreachable", "refused", "unreadable", "untrusted", "clock", "taken"]

#: What a person is told, by the kind of trouble. Nothing was changed, whichever it is.
_TOLD: Final[dict[str, str]] = {
    "stale": later("Đăng nhập bằng %(label)s đã quá lâu, hoặc bắt đầu ở trình duyệt khác. Bắt đầu lại."),
    "denied": later("Bạn đã huỷ, hoặc %(label)s từ chối."),
    "slow": later("%(label)s trả lời quá chậm. Thử lại, hoặc đăng nhập bằng mật khẩu."),
    "unreachable": later("Không nối được tới %(label)s. Thử lại, hoặc đăng nhập bằng mật khẩu."),
    "refused": later("%(label)s không nhận máy chủ này. Báo người vận hành."),
    "unreadable": later("%(label)s trả lời không đọc được. Báo người vận hành."),
    "untrusted": later("Câu trả lời của %(label)s không kiểm chứng được nên bị từ chối. Báo người vận hành."),
    "clock": later("Đồng hồ của máy chủ này và của %(label)s lệch nhau. Báo người vận hành."),
    "taken": later(
        "Tài khoản này của %(label)s đã nối ở đây, hoặc bạn đã nối một tài khoản khác của %(label)s."
        " Gỡ liên kết cũ trước."
    ),
}


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Where accounts are kept elsewhere, and how we are known there.

    `facility`: the code of the only one it is for; empty: all. `claim`: what names an account there, for ever.
    `second_factor`: values of `acr` or `amr` that stand for our second factor. `prompt`: what the provider has to ask.
    """

    name: str
    issuer: str
    client_id: str
    secret: str = msgspec.field(default="")
    facility: str = ""
    claim: str = "sub"
    scopes: str = "openid"
    label_vietnamese: str
    label_english: str = ""
    second_factor: frozenset[str] = frozenset()
    prompt: str = "login"

    @property
    def label(self) -> str:
        """What it is called, in the language of the request."""
        return self.label_english if language.current() == "en" and self.label_english else self.label_vietnamese

    def serves(self, facility_code: str) -> bool:
        """Whether people of this facility may use it."""
        return self.facility in ("", facility_code)


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is at a provider. `shown` is for people to read and says nothing; `strong`: with a second factor."""

    issuer: str
    claim: str
    subject: str
    shown: str
    strong: bool


class Trouble(Exception):  # noqa: N818 - something a person is told, not a fault of ours
    """The provider did not tell us who she is: `kind` for her, `detail` for the audit."""

    def __init__(self, kind: Kind, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail[:500]

    def told(self, provider: Provider) -> str:
        """What to say to her."""
        return _(_TOLD[self.kind], label=provider.label)
