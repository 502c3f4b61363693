"""The forms say what the paper says: each word of the source once in the form, no other, and in the same order.

Words are counted, so that the two columns of the paper, which the source interleaves, do not matter. What the source
misprints stands in the form's own file (`misprint`, `pages`), with its reason, and must be there.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from benhan.hospital.chart.forms import form, forms
from benhan.hospital.chart.forms.printing import label, words
from benhan.hospital.chart.forms.structure import Form, Item, Kind

SOURCES = Path(__file__).parent / "sources"
#: How many words of an item are looked for: the rest of a long line may go on behind the other column.
BEGINNING = 3


def said(text: str) -> list[str]:
    """Words and numbers, in lower case; a degree is one word however it is printed."""
    text = unicodedata.normalize("NFC", text).lower()
    text = re.sub(r"(°|\b[0o]\s?)\s?c\b", " độ-c ", text)
    return re.findall(r"độ-c|[^\W_]+|[<>≤≥]", text)


def source(form: Form) -> str:
    """The text of the paper without the heading of its file, its misprints read as the form reads them."""
    lines = (SOURCES / form.source).read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith(("# ", "> ")))
    text = re.sub("[\ue000-\uf8ff]", "□", text)  # boxes of a symbol font
    for one in form.misprints:
        misprinted = one.source.replace("⏎", "\n")
        assert misprinted in text, f"{one.line}: the source does not say “{one.source}”"
        text = text.replace(misprinted, one.form)
    return text


@pytest.mark.parametrize("code", forms())
def test_a_form_has_the_words_of_the_paper_and_no_other(code: str) -> None:
    paper = form(code)
    printed = Counter(word for _, text in words(paper) for word in said(text))
    wanted = Counter(said(source(paper)))
    wanted.subtract(Counter(paper.page_numbers))
    assert (dict(+(wanted - printed)), dict(+(printed - wanted))) == ({}, {})


def looked_for(item: Item) -> bool:
    """Not what is printed in two columns, which the source interleaves: there, only the right eye is followed."""
    return not item.beside and not item.link.endswith(".mat-trai")


@pytest.mark.parametrize("code", forms())
def test_its_items_stand_in_the_order_of_the_paper(code: str) -> None:
    """What is printed in two columns is left out here: its numbers must go up, which the reader sees to."""
    paper = form(code)
    text = said(source(paper))
    at, lost = 0, []
    for item in (item for item, text in words(paper) if text and text == label(item) and looked_for(item)):
        wanted = said(label(item))[:BEGINNING]
        found = next((i for i in range(at, len(text)) if text[i : i + len(wanted)] == wanted), None)
        if found is None:
            lost.append(f"{item.line}: {label(item)}")
        else:
            at = found
    assert lost == []


@pytest.mark.parametrize("code", forms())
def test_what_stands_in_two_columns_begins_as_on_the_paper(code: str) -> None:
    """Heads of tables are left out: the source breaks them over its lines."""
    paper = form(code)
    heads = {one.link for item in paper.walk() if item.kind in {Kind.TABLE, Kind.ROWS} for one in item.items}
    text = f" {' '.join(said(source(paper)))} "
    looked = [one for one in paper.walk() if one.beside and one.kind is not Kind.NOTE and one.link not in heads]
    lost = [f"{one.line}: {label(one)}" for one in looked if f" {' '.join(said(label(one))[:2])}".rstrip() not in text]
    assert lost == []


def test_all_forms_are_there() -> None:
    assert [code for code in forms() if code.endswith("BV1")] == [f"{n:02}/BV1" for n in range(1, 30)]
