"""What the states of an account and its sign-ins are called."""

from __future__ import annotations

from typing import Final

from benhan.core.language import _, later

#: State → what it is called, and its tone.
STATES: Final = {
    "active": (later("Đang dùng"), "ok"),
    "invited": (later("Chờ đặt mật khẩu"), "warn"),
    "stopped": (later("Đã ngừng"), "grey"),
}
#: With what an account was signed in to, or why not: the rule in the audit → what it is called.
ENTRANCES: Final = {
    "password": later("mật khẩu"),
    "wrong password": later("sai mật khẩu"),
    "password+code": later("mật khẩu và mã ứng dụng"),
    "password+recovery code": later("mật khẩu và mã dự phòng"),
    "password+passkey": later("mật khẩu và khoá truy cập"),
    "passkey": later("khoá truy cập"),
    "provider": later("tài khoản ngoài"),
    "provider+code": later("tài khoản ngoài và mã ứng dụng"),
    "provider+recovery code": later("tài khoản ngoài và mã dự phòng"),
    "provider+passkey": later("tài khoản ngoài và khoá truy cập"),
    "provider, its second factor": later("tài khoản ngoài, hai lớp ở đó"),
    "invited": later("chưa đặt mật khẩu"),
    "wrong second factor": later("sai lớp thứ hai"),
    "held back": later("tạm khoá vì nhiều lần sai"),
    "stopped": later("tài khoản đã ngừng"),
    "idle": later("lâu không dùng, đã ngừng"),
    "hours": later("ngoài giờ được phép"),
    "no role": later("hết quyền tạm thời"),
}


def entrance_words() -> dict[str, str]:
    """The same in the language of the request."""
    return {rule: _(text) for rule, text in ENTRANCES.items()}
