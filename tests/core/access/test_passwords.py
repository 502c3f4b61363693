"""Which passwords are taken. Each refusal is one a person would meet."""

from __future__ import annotations

import pytest

from benhan.core.access import passwords
from benhan.core.fhir.outcome import Invalid

LOGIN, NAME = "thuy.lt", "Lê Thị Thanh Thuỷ"


@pytest.mark.parametrize(
    "good",
    [
        "ba con ngựa đi chợ",
        "Correct horse battery",
        "x9$Lm2#Qw8!vB4",
        "a" * 3 + "bốn cái bàn gỗ",
        "mưa" * 2 + " rơi trên phố cũ",
    ],
)
def test_a_long_password_is_taken_whatever_it_is_made_of(good: str) -> None:
    passwords.check(good, LOGIN, NAME)


def test_fourteen_characters_or_eight_beside_a_second_factor() -> None:
    with pytest.raises(Invalid, match="14"):
        passwords.check("con mèo ngủ n", LOGIN, NAME)  # 13
    passwords.check("con mèo ngủ ng", LOGIN, NAME)  # 14
    passwords.check("con mèo5", LOGIN, NAME, second_factor=True)  # 8
    with pytest.raises(Invalid, match="8"):
        passwords.check("con mèo", LOGIN, NAME, second_factor=True)  # 7


@pytest.mark.parametrize(
    "known",
    ["123456789987654321", "QWERTY123456789", "iseedeadpeople", "aaaaaaaaaaaaaa", "abcabcabcabcabc", "passwordpassword",
     "01234567890123", "qwertyuiopqwertyuiop", "zyxwvutsrqponm"],
)  # fmt: skip
def test_the_commonest_and_the_mechanical_are_refused(known: str) -> None:
    with pytest.raises(Invalid, match="dễ đoán"):
        passwords.check(known, LOGIN, NAME)


@pytest.mark.parametrize("known", ["password", "12345678", "football", "iloveyou"])
def test_the_commonest_short_ones_are_refused_beside_a_second_factor_too(known: str) -> None:
    with pytest.raises(Invalid, match="dễ đoán"):
        passwords.check(known, LOGIN, NAME, second_factor=True)


@pytest.mark.parametrize(
    "telling", ["thuy.lt của bệnh viện", "mật khẩu của Thanh Thuỷ", "LE-THI-THANH-THUY-1980", "xin chào thanhthuy"]
)
def test_one_that_says_who_she_is_is_refused(telling: str) -> None:
    with pytest.raises(Invalid, match="tên đăng nhập hoặc họ tên"):
        passwords.check(telling, LOGIN, NAME)


async def test_comparing_with_nothing_is_never_right() -> None:
    assert not await passwords.matches(None, "nobody")
    digest = await passwords.hash_of("ba con ngựa đi chợ")
    assert digest.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.matches(digest, "ba con ngựa đi chợ")
    assert not await passwords.matches(digest, "ba con ngựa đi chơ")
