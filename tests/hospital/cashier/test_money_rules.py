"""What needs no database: a VietQR to the letter, and what is taken for a callback of Zalo's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir.outcome import Invalid
from benhan.hospital.cashier import checkout, vietqr
from tests.standins.zalo.payment import PRIVATE_KEY

BANK, NUMBER = "970403", "0011012345678"
#: Source: shared/data/notes.md, 3 (a fictive account).
EXAMPLE = (
    "00020101021238570010A00000072701270006970403011300110123456780208QRIBFTTA530370454061800005802VN"
    "62140810thanh toan63049C33"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_a_vietqr_is_the_published_example_and_what_no_bank_takes_is_refused() -> None:
    assert vietqr.payload(BANK, NUMBER, 180_000, "thanh toan") == EXAMPLE
    for wrong in ((BANK[:5], NUMBER, 1, "a"), (BANK, "1", 1, "a"), (BANK, NUMBER, 0, "a"), (BANK, NUMBER, 1, "có dấu")):
        with pytest.raises(Invalid):
            vietqr.payload(*wrong)


@given(VALUES)
def test_no_body_but_zalos_is_read_as_a_callback(said: Any) -> None:
    for one in (said, {"data": said, "mac": said, "overallMac": said}, {"data": dict.fromkeys(checkout.COVERED, said)}):
        with pytest.raises(checkout.NotZalos):
            checkout.read(one, PRIVATE_KEY)
