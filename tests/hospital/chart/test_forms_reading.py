"""The format of the forms: what a line means, what blocks do, and that every slip names its line and what to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benhan.cli import cli
from benhan.hospital.chart.forms.checks import check
from benhan.hospital.chart.forms.printing import words
from benhan.hospital.chart.forms.reading import HEADS, blocks_of, read
from benhan.hospital.chart.forms.structure import Calculation, Condition, Form, FormError, Kind

HEAD = "form 99/BV1\ntitle BỆNH ÁN THỬ\nversion 1\nin-force 2026-11-22\nsource none.md\n"
BLOCKS = """\
block person beside
  *. Họ và tên {text} <- patient.name ! #name
  *. Sinh ngày {date} #birth
block whole
  use person
  *. Ngày khám {date} #seen
"""


def made(body: str, blocks: str = BLOCKS) -> Form:
    return check(read("t.form", HEAD + body, blocks_of([("b.form", blocks)])))


def test_a_line_says_number_words_answer_and_what_holds_of_it() -> None:
    form = made("""
IV. TÌNH TRẠNG
  24. Kết quả {1. Khỏi | 2. Đỡ, giảm | 5. Tử vong} ! #outcome
  Tử vong lúc {datetime giờ ph ngày} if outcome = 5
    ? Nguồn không rõ.
  + Sẹo mi [Có … | ‹k.› Không]
  Huyện {text} hidden since 2025-07-01
""")
    assert [one.link for one in form.walk()] == ["IV", "outcome", "IV/tu-vong-luc", "IV/seo-mi", "IV/huyen"]
    outcome, died, scar, district = form.items[0].items
    assert (outcome.prefix, outcome.text, outcome.kind, outcome.closing) == ("24.", "Kết quả", Kind.CHOICE, True)
    assert [(one.code, one.text) for one in outcome.options] == [("1", "Khỏi"), ("2", "Đỡ, giảm"), ("5", "Tử vong")]
    assert (died.unit, died.condition, died.unclear) == ("giờ ph ngày", Condition("outcome", "5"), "Nguồn không rõ.")
    assert [(one.code, one.text, one.printed, one.blank) for one in scar.options] == [
        ("co", "Có", "Có", True),
        ("k", "Không", "Không", False),
    ]
    assert (district.hidden_since, form.in_force) == (date(2025, 7, 1), date(2026, 11, 22))


def test_a_block_is_numbered_where_it_is_used_and_may_differ_there() -> None:
    form = made("use whole 3–5\n  *. Ngày tháng năm sinh {date} #birth\n")
    assert [(one.prefix, one.text, one.link, one.beside) for one in form.items] == [
        ("3.", "Họ và tên", "name", True),
        ("4.", "Ngày tháng năm sinh", "birth", True),
        ("5.", "Ngày khám", "seen", False),
    ]
    assert [one.link for one in made("use whole 1–2\n  without birth\n").items] == ["name", "seen"]


def test_both_sides_have_items_of_their_own_and_print_what_the_paper_prints() -> None:
    twice = made("‹Mắt› {sides: Phải | Trái}\n  1. Mi {Có | Không}\n")
    assert [one.link for one in twice.walk()][1:] == ["mat.phai", "mat/1.phai", "mat.trai", "mat/1.trai"]
    assert [text for _, text in words(twice) if text] == [
        "Phải",
        "1. Mi",
        "Có",
        "Không",
        "Trái",
        "1. Mi",
        "Có",
        "Không",
    ]
    once = made("‹Mắt› {sides labels once: Phải | Trái}\n  1. Mi {Có | Không}\n")
    assert [text for _, text in words(once) if text] == ["Phải", "1. Mi", "Có", "Không", "Trái", "Có", "Không"]


def test_a_table_and_a_calculation() -> None:
    form = made("""
Thói quen {rows x2: 01 - Dị ứng | 02 - Rượu}
  TT {row}
  Tháng {integer}
Sinh {date} #birth
Khám {date} #seen
Tuổi {integer} = age(birth, seen)
""")
    assert [text for _, text in words(form)][:7] == [
        "Thói quen",
        "TT",
        "Tháng",
        "TT",
        "Tháng",
        "01 - Dị ứng",
        "02 - Rượu",
    ]
    assert form.items[-1].calculation == Calculation("age", ("birth", "seen"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("Một {text\n", "t.form:6: cannot read “{text”. After the braces"),
        ("Một {tekst}\n", "t.form:6: “tekst” is no answer. Write one of"),
        ("Một {text} when hai\n", "t.form:6: cannot read “when hai”. After the braces"),
        ("Một\n      Hai {text}\n", "t.form:7: the line stands at no level. Indent by two spaces"),
        ("Một {text}\nMột {text}\n", "t.form:7: the address mot is taken by t.form:6. Give one of them a #name"),
        ("Một {1. A | 1. B}\n", "t.form:6: two boxes have the code ['1']"),
        ("Một {text} <- patient.nam\n", "t.form:6: the record knows no patient.nam"),
        ("Một {list icd11}\n", "t.form:6: there is no list icd11. There are: icd10"),
        ("Một {text} if hai = 1\n", "t.form:6: there is no item hai"),
        ("Một {A | B}\nHai {text} if mot = c\n", "t.form:7: mot has no box c"),
        ("Một {text}\nHai {integer} = days(mot, mot)\n", "t.form:7: mot is no date or datetime"),
        ("Một {integer} = sum(mot)\n", "t.form:6: cannot calculate sum. There are: age(2)"),
        ("Một {text}\n  Hai {text}\n", "t.form:6: items stand below a text"),
        ("*. Một {text}\n", "t.form:6: *. has no number to go on from"),
        ("use nobody\n", "t.form:6: “use nobody” uses no block. There are: person, whole"),
        ("use person 1–3\n", "t.form:6: the block ends at 2. Write the numbers of the paper"),
        ("use person 1–2\n  without seen\n", "t.form:6: the block person has no ['seen']"),
        ("Một {text} hidden since 2025-13-01\n", "t.form:6: “2025-13-01” is no day. Write year, month and day"),
        ("misprint a is b\n", "t.form:6: cannot read “a is b”. Write: misprint “source” is “form”"),
        ("‹Mắt› {sides headings: A | B}\n", "t.form:6: “headings: A | B” names no sides"),
        ("{text}\n", "t.form:6: the item has neither number nor words"),
    ],
)
def test_a_slip_names_its_line_and_what_to_do(body: str, says: str) -> None:
    with pytest.raises(FormError) as told:
        made(body)
    assert str(told.value).startswith(says), told.value


def test_a_form_is_shown_beside_the_paper_with_its_blocks_in_place() -> None:
    shown = CliRunner().invoke(cli, ["form", "17/BV1"]).output
    assert "  2. Sinh ngày {date} <- patient.birth !\n  Tuổi {integer} = age(patient-birth, arrived)\n" in shown
    assert "‹Ngày làm bệnh án› {date Ngày tháng năm}\nY, Bác sỹ làm bệnh án {sign Họ và tên} !\n" in shown
    assert CliRunner().invoke(cli, ["form", "30/BV1"]).exit_code == 2
    assert "29/BV1  BỆNH ÁN NGOẠI TRÚ PHỤC HỒI CHỨC NĂNG" in CliRunner().invoke(cli, ["form"]).output


def test_the_guide_names_every_kind_and_every_head_line() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "howto" / "forms.md").read_text("utf-8")
    shown_otherwise = {Kind.GROUP, Kind.CHOICE, Kind.CHOICES}
    assert [kind for kind in Kind if kind not in shown_otherwise and f"`{{{kind}" not in guide] == []
    assert [word for word in HEADS if f"`{word}" not in guide] == []


def test_what_is_too_much_is_refused() -> None:
    with pytest.raises(FormError, match="A form has at most"):
        made("Một {text}\n" * 1001)
    with pytest.raises(FormError, match="blocks use each other without end"):
        made("use a\n", "block a\n  use b\nblock b\n  use a\n")
    twice = "\n".join(f"block a{n}\n  use a{n + 1}\n  use a{n + 1}" for n in range(11))
    with pytest.raises(FormError, match="has more than 3000 lines"):
        made("use a0\n", twice + "\nblock a11\n  Một {text}\n  Hai {text}\n")
    with pytest.raises(FormError, match="the head does not say source"):
        read("t.form", HEAD.replace("source none.md\n", ""), {})
