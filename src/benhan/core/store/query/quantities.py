"""Numbers and quantities: a searched value with its unit, as rows of the `quantity` table are asked for it. Pure.

A UCUM unit is searched in its canonical form too, so that 5.4 mg finds 5400 ug (`core.fhir.units`).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from benhan.core.fhir import units
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store.query import values as read
from benhan.core.store.query.clauses import Amounts
from benhan.core.store.rows import hash64

#: Any unit.
ANY = 0
Test = tuple[str, int, float, float, float]


def numbers(params: list[int], name: str, texts: list[str]) -> Amounts:
    """Has a number in one of these relations."""
    return Amounts(params, [_test(read.amount(name, read.plain(one)), ANY) for one in texts])


def quantities(params: list[int], name: str, texts: list[str]) -> Amounts:
    """Has a quantity in one of these relations: `5.4`, `5.4||mg`, `5.4|http://unitsofmeasure.org|mg`."""
    return Amounts(params, [test for one in texts for test in quantity(name, one)])


def quantity(name: str, text: str, before: str = "") -> list[Test]:
    """One searched quantity, once for each way its unit may have been written.

    `before` stands before the unit in the hash (a composite's first component).

    Raises:
        Malformed: it is none.
    """
    number, *unit = [read.plain(part) for part in read.pieces(text, "|")]
    amount = read.amount(name, number)
    if not any(unit):
        return [_test(amount, hash64(f"{before}{ANY}") if before else ANY)]
    if len(unit) != 2 or not unit[1]:
        raise Malformed(_("%(name)s cần dạng số|hệ|đơn vị.", name=name[:60]), where=name[:60])
    system, code = unit
    ways: list[tuple[int, Callable[[Decimal], float]]] = []
    if system in ("", units.SYSTEM) and (found := units.canonical(code)):
        ways.append((hash64(f"ucum|{found.name}"), found.convert))
    if system != units.SYSTEM or not ways:
        ways.append((hash64(f"{system}|{code}" if system else code), float))
    return [_test(amount, hash64(f"{before}{way}") if before else way, convert) for way, convert in ways]


def _test(amount: read.Amount, unit: int, convert: Callable[[Decimal], float] = float) -> Test:
    return amount.prefix, unit, convert(amount.exact), convert(amount.lo), convert(amount.hi)
