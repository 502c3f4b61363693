"""VietQR: an account, an amount and a reference in a QR that every bank's app reads. Pure.

Standard: EMVCo QR Code Specification for Payment Systems, merchant-presented mode (TLV: two digits of name, two of
length, the value); NAPAS (field 38, A000000727). A QR is no proof of payment: the reference in it is what the bank's
statement is compared with.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from typing import Final

from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

NAPAS: Final = "A000000727"
#: To an account (QRIBFTTC: to a card).
TO_ACCOUNT: Final = "QRIBFTTA"
DYNAMIC: Final = "12"
DONG: Final = "704"
#: Letters that the apps of all banks show.
MOST_PURPOSE: Final = 25
MOST_AMOUNT: Final = 499_999_999
_PURPOSE: Final = re.compile(rf"[A-Za-z0-9 ]{{1,{MOST_PURPOSE}}}")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9]{4,19}")
_BANK: Final = re.compile(r"\d{6}", re.ASCII)


def payload(bank: str, account: str, amount: int, purpose: str) -> str:
    """What stands in the QR; `bank` is its BIN at NAPAS, `amount` whole đồng.

    Raises:
        Invalid: a value that banks' apps do not take.
    """
    check_account(bank, account)
    if not 0 < amount <= MOST_AMOUNT or not _PURPOSE.fullmatch(purpose):
        raise Invalid(_("Số tiền hoặc nội dung chuyển khoản không đưa được vào mã VietQR."))
    merchant = _field("00", NAPAS) + _field("01", _field("00", bank) + _field("01", account)) + _field("02", TO_ACCOUNT)
    said = [
        ("00", "01"), ("01", DYNAMIC), ("38", merchant), ("53", DONG), ("54", str(amount)), ("58", "VN"),
        ("62", _field("08", purpose)),
    ]  # fmt: skip
    body = "".join(_field(name, value) for name, value in said) + "6304"
    return f"{body}{checksum(body)}"


def check_account(bank: str, account: str) -> None:
    """Whether an account can stand in a VietQR.

    Raises:
        Invalid: it cannot.
    """
    if not _BANK.fullmatch(bank):
        raise Invalid(_("Mã ngân hàng (BIN) gồm 6 chữ số, ví dụ 970436."), where="bank")
    if not _ACCOUNT.fullmatch(account):
        raise Invalid(_("Số tài khoản gồm 4 đến 19 chữ số hoặc chữ cái."), where="number")


def checksum(text: str) -> str:
    """CRC-16/CCITT-FALSE (polynomial 1021, begins with FFFF) as four capital hexadecimal digits."""
    return f"{crc_hqx(text.encode('ascii'), 0xFFFF):04X}"


def _field(name: str, value: str) -> str:
    return f"{name}{len(value):02d}{value}"
