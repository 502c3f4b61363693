"""From the text of a `.form` file to the form: indentation, shared blocks, numbers, addresses. Pure and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from benhan.hospital.chart.forms.lines import Line, day_of, slug, taken_apart
from benhan.hospital.chart.forms.structure import Form, FormError, Item, Kind, Misprint, Option

_LINES, _WIDTH, _DEPTH, _ITEMS = 1_000, 1_000, 12, 3_000
#: A line over those that are printed in two columns.
_BESIDE: Final = "beside"
#: Begins a line that says what the source leaves open.
_DOUBT: Final = "? "
#: What the head of a form may say, a line each.
HEADS: Final = ("form", "title", "version", "in-force", "source", "pages", "unclear", "misprint")
_BLOCK: Final = re.compile(r"block ([a-z][\w-]*)( beside)?")
_USE: Final = re.compile(r"use ([a-z][\w-]*)(?: (\d+)(?:–(\d+))?)?")
_NAME: Final = re.compile(r"#([A-Za-z][\w-]*)|^without ([A-Za-z][\w-]*)$")
_MISPRINT: Final = re.compile(r"“([^”]+)” is “([^”]*)”: (\S.*)")


class Node(msgspec.Struct):
    """A line with what is indented below it. `beside`: of a block that is printed in two columns."""

    where: str
    text: str
    below: list[Node]
    beside: bool = False


Blocks = Mapping[str, tuple[Node, ...]]


def blocks_of(texts: Iterable[tuple[str, str]]) -> Blocks:
    """What the forms share, of files and their texts: `block name`, or `block name beside`, its lines indented below.

    Raises:
        FormError: a line opens no block, or one that is there already.
    """
    blocks: dict[str, tuple[Node, ...]] = {}
    for node in (node for file, text in texts for node in _tree(file, text)):
        found = _BLOCK.fullmatch(node.text)
        if found is None or found[1] in blocks:
            raise FormError(node.where, f"“{node.text}” opens no block.", "Write `block name`, each name once.")
        blocks[found[1]] = tuple(_beside(node.below) if found[2] else node.below)
    return blocks


def read(file: str, text: str, blocks: Blocks) -> Form:
    """A form.

    Raises:
        FormError: the text is not one; names file, line and what to do.
    """
    head: dict[str, str] = {}
    misprints: list[Misprint] = []
    body: list[Node] = []
    for node in _tree(file, text):
        word, _, rest = node.text.partition(" ")
        if body or word not in HEADS:
            body.append(node)
        elif word == "misprint":
            misprints.append(_misprint(node.where, rest))
        else:
            head[word] = rest.strip()
    missing = [word for word in ("form", "title", "version", "in-force", "source") if not head.get(word)]
    if missing:
        raise FormError(f"{file}:1", f"the head does not say {', '.join(missing)}.", "Write it above the first item.")
    return Form(
        code=head["form"],
        title=head["title"],
        version=head["version"],
        in_force=day_of(f"{file}:1", head["in-force"]),
        source=head["source"],
        page_numbers=tuple(head.get("pages", "").split()),
        unclear=head.get("unclear", ""),
        misprints=tuple(misprints),
        items=_items(_opened(body, blocks, 0), ""),
    )


# ── Lines to a tree ────────────────────────────────────────────────────────────────────────────────────────────


def _tree(file: str, text: str) -> list[Node]:
    lines = text.split("\n")
    if len(lines) > _LINES:
        raise FormError(file, f"{len(lines)} lines.", f"A form has at most {_LINES}.")
    root: list[Node] = []
    path = [root]
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("# "):
            continue
        where = f"{file}:{number}"
        depth, odd = divmod(len(line) - len(line.lstrip(" ")), 2)
        if odd or depth >= len(path) or depth > _DEPTH or "\t" in line or len(line) > _WIDTH:
            raise FormError(where, "the line stands at no level.", "Indent by two spaces below the line it belongs to.")
        node = Node(where, line.strip(), [])
        path[depth].append(node)
        path[depth + 1 :] = [node.below]
    return root


def _misprint(where: str, text: str) -> Misprint:
    found = _MISPRINT.fullmatch(text)
    if found is None:
        raise FormError(where, f"cannot read “{text}”.", "Write: misprint “source” is “form”: the reason")
    return Misprint(source=found[1], form=found[2], reason=found[3], line=where)


# ── Blocks put in their places ─────────────────────────────────────────────────────────────────────────────────


def _opened(nodes: Iterable[Node], blocks: Blocks, deep: int) -> list[Node]:
    """The lines with each `use` replaced by the lines of its block, and `beside` by those below it."""
    opened: list[Node] = []
    for node in nodes:
        if node.text.startswith("use "):
            opened += _used(node, blocks, deep + 1)
        elif node.text == _BESIDE:
            opened += _beside(_opened(node.below, blocks, deep))
        else:
            opened.append(Node(node.where, node.text, _opened(node.below, blocks, deep), node.beside))
    return opened


def _used(node: Node, blocks: Blocks, deep: int) -> list[Node]:
    """The lines of a block, with what differs here, numbered from the number that is written."""
    found = _USE.fullmatch(node.text)
    if found is None or found[1] not in blocks:
        raise FormError(node.where, f"“{node.text}” uses no block.", f"There are: {', '.join(blocks)}.")
    if deep > _DEPTH:
        raise FormError(node.where, "blocks use each other without end.", "Take one `use` away.")
    made = _opened(blocks[found[1]], blocks, deep)
    if sum(1 for _one in _all(made)) > _ITEMS:
        raise FormError(node.where, f"the block {found[1]} has more than {_ITEMS} lines.", "Divide the form.")
    if node.beside:
        made = _beside(made)
    differences = {_name(one): one for one in node.below}
    made = _differing(made, differences)
    if differences:
        raise FormError(
            node.where, f"the block {found[1]} has no {sorted(differences)}.", "Name an item of the block by its #."
        )
    if found[2]:
        last = _numbered(made, int(found[2])) - 1
        if last != int(found[3] or found[2]):
            raise FormError(node.where, f"the block ends at {last}.", "Write the numbers of the paper.")
    return made


def _all(nodes: Iterable[Node]) -> Iterator[Node]:
    for one in nodes:
        yield one
        yield from _all(one.below)


def _beside(nodes: Iterable[Node]) -> list[Node]:
    return [Node(one.where, one.text, _beside(one.below), beside=True) for one in nodes]


def _differing(nodes: list[Node], differences: dict[str, Node]) -> list[Node]:
    """Lines that are left out or written differently; each difference that was met is taken from `differences`."""
    kept = []
    for node in nodes:
        other = differences.pop(_name(node), None) if _name(node) else None
        if other is None:
            kept.append(Node(node.where, node.text, _differing(node.below, differences), node.beside))
        elif not other.text.startswith("without "):
            kept.append(Node(other.where, other.text, other.below, node.beside))
    return kept


def _numbered(nodes: list[Node], number: int) -> int:
    """Writes the next number for each `*.`; returns the number after the last."""
    for node in nodes:
        if node.text.startswith("*. "):
            node.text, number = f"{number}{node.text[1:]}", number + 1
        number = _numbered(node.below, number)
    return number


def _name(node: Node) -> str:
    """The address written by hand, of an item or of what is left out."""
    found = _NAME.search(node.text)
    return found[1] or found[2] if found else ""


# ── Addresses ──────────────────────────────────────────────────────────────────────────────────────────────────


def _items(nodes: list[Node], above: str) -> tuple[Item, ...]:
    return tuple(_item(one, above) for one in nodes if not one.text.startswith(_DOUBT))


def _item(node: Node, above: str) -> Item:
    line = taken_apart(node.where, node.text)
    link = line.name or "/".join(filter(None, (above, _step(node.where, line))))
    below = _items(node.below, link)
    kind = Kind.NOTE if line.kind is Kind.GROUP and not below else line.kind
    item = Item(
        link=link,
        prefix=line.prefix,
        text=line.text,
        printed=line.printed,
        kind=kind,
        line=node.where,
        unit=line.unit,
        list=line.list,
        several=line.several,
        options=line.options,
        halves=line.halves,
        prefill=line.prefill,
        calculation=line.calculation,
        condition=line.condition,
        closing=line.closing,
        hidden_since=line.hidden_since,
        unclear=" ".join(one.text[len(_DOUBT) :].strip() for one in node.below if one.text.startswith(_DOUBT)),
        beside=node.beside,
        items=below,
    )
    if kind is Kind.SIDES:
        return msgspec.structs.replace(item, items=_both_sides(item, line.once))
    if kind is Kind.BLANKS:
        return msgspec.structs.replace(item, items=_blanks(item))
    return item


def _step(where: str, line: Line) -> str:
    """An item's own part of its address: its number, else its words."""
    if line.prefix == "*.":
        raise FormError(where, "*. has no number to go on from.", "Write `use block 12–19` where it is used.")
    number = line.prefix.strip(".)- ")
    if number and number not in "+⬩*":
        return number
    step = slug(line.text)
    if not step:
        raise FormError(where, "the item has neither number nor words.", "Write ‹words› that are not printed.")
    return step


def _both_sides(item: Item, once: str) -> tuple[Item, ...]:
    """The items below for the first side and again for the second, each side in a group of its own."""
    first, second = item.options
    return (_side(item, first, ""), _side(item, second, once))


def _side(item: Item, side: Option, once: str) -> Item:
    return Item(
        link=f"{item.link}.{side.code}",
        prefix="",
        text=side.text,
        printed=side.printed,
        kind=Kind.GROUP,
        line=item.line,
        beside=item.beside,
        items=tuple(_sided(one, side.code, once) for one in item.items),
    )


def _sided(item: Item, side: str, once: str) -> Item:
    condition = item.condition and msgspec.structs.replace(item.condition, link=f"{item.condition.link}.{side}")
    return msgspec.structs.replace(
        item,
        link=f"{item.link}.{side}",
        condition=condition,
        silent=bool(once),
        items=tuple(_sided(one, side, once if once == "labels" else "") for one in item.items),
    )


def _blanks(item: Item) -> tuple[Item, ...]:
    return tuple(
        Item(
            link=f"{item.link}/{one.code}",
            prefix="",
            text=one.text,
            printed=one.printed,
            kind=Kind.TEXT,
            line=item.line,
            beside=item.beside,
        )
        for one in item.options
    )
