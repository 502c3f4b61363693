"""A form cut into pages that a person fills in one after another, in the order of the paper. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from benhan.hospital.chart.forms.structure import HOLDERS, Form, Item, Kind

#: Fields from which a part of the paper is cut into its own parts; and that make a part a page of its own.
_LARGE, _PAGE = 45, 8
_WORDS_ONLY: Final = frozenset({Kind.NOTE, Kind.ROW})


class Section(msgspec.Struct, frozen=True):
    """A page: its number in the address ("1"), its title, what stands on it."""

    number: int
    title: str
    items: tuple[Item, ...]

    def walk(self) -> Iterator[Item]:
        """Every item of it, in the order of the paper."""
        for one in self.items:
            yield from one.walk()


def sections(form: Form) -> tuple[Section, ...]:
    """The pages of a form; each item stands on one of them."""
    pages: list[tuple[str, list[Item]]] = []
    _cut(form.items, "Đầu trang", pages)
    return tuple(Section(number, title, tuple(items)) for number, (title, items) in enumerate(_settled(pages), 1))


def section(form: Form, number: str | None) -> Section:
    """The page of a number; the first where there is none such."""
    found = sections(form)
    return next((one for one in found if str(one.number) == number), found[0])


def section_of(form: Form, link: str) -> Section | None:
    """The page on which an item stands."""
    return next((one for one in sections(form) if any(item.link == link for item in one.walk())), None)


def fields(items: Iterable[Item]) -> int:
    """How many fields there are below these; of a table with printed rows each cell is one."""
    return sum(_fields(one) for one in items)


def _fields(item: Item) -> int:
    if item.kind is Kind.ROWS:
        return fields(item.items) * len(item.options)
    return fields(item.items) if item.kind in HOLDERS else item.kind not in _WORDS_ONLY


def _cut(items: Sequence[Item], title: str, pages: list[tuple[str, list[Item]]]) -> None:
    """Groups become pages; what stands loose between them joins the page before it."""
    pages.append((title, []))
    for item in items:
        size = fields([item])
        if item.kind is not Kind.GROUP or size < _PAGE:
            pages[-1][1].append(item)
        elif size > _LARGE:
            _cut(item.items, _title(item), pages)
        else:
            pages.append((_title(item), [*item.items]))
            pages.append(("", []))


def _settled(pages: Iterable[tuple[str, list[Item]]]) -> Iterator[tuple[str, list[Item]]]:
    """Pages without a title of their own, or without a field, are no pages."""
    kept: list[tuple[str, list[Item]]] = []
    for title, items in pages:
        if kept and (not title or not fields(items)):
            kept[-1][1].extend(items)
        elif items or title:
            kept.append((title, items))
    if len(kept) > 1 and not fields(kept[0][1]):
        kept[1] = (kept[1][0], [*kept[0][1], *kept[1][1]])
        kept = kept[1:]
    yield from kept


def _title(item: Item) -> str:
    return f"{item.prefix} {item.text}".strip()
