"""Units of medicine: what a UCUM code measures, and how much of it, exactly.

`canonical("mg/dL")` is 10 of `g.m-3`, so 5.4 mmol/L and 5400 umol/L are one value to a search. Grammar and values:
The Unified Code for Units of Measure, version 2.1. Of its 300 units the ones of medicine are here; each factor is a
fraction, so nothing is rounded on the way. The mole is kept as a dimension of its own (UCUM has it as a number),
and so is each arbitrary unit such as `[iU]`: they convert to nothing else. Logarithmic units are not converted.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

SYSTEM = "http://unitsofmeasure.org"
MAX_LENGTH = 64
MAX_EXPONENT = 30
MAX_DEPTH = 4
#: Beyond the range of a double there is nothing to compare.
_MAX_MAGNITUDE = 300
_MAX_DIGITS = 60


class Unit(NamedTuple):
    """What a code measures (`name`, in base units) and how much: value · factor + offset."""

    name: str
    factor: Fraction
    offset: Fraction = Fraction(0)

    def convert(self, value: Decimal) -> float:
        """A value of this unit in base units; the double nearest to the exact result."""
        if (
            not value.is_finite()
            or abs(value.adjusted()) > _MAX_MAGNITUDE
            or len(value.as_tuple().digits) > _MAX_DIGITS
        ):
            return float(value) * float(self.factor) + float(self.offset)
        top, bottom = value.as_integer_ratio()
        top, bottom = top * self.factor.numerator, bottom * self.factor.denominator
        if self.offset:
            top, bottom = (
                top * self.offset.denominator + self.offset.numerator * bottom,
                bottom * self.offset.denominator,
            )
        return top / bottom  # of two integers: rounded once


@lru_cache(4096)
def canonical(code: str) -> Unit | None:
    """The unit of a UCUM code; None when it is not one we know.

    An annotation (`{beats}/min`) counts as one, as UCUM says.
    """
    if not code or len(code) > MAX_LENGTH:
        return None
    if code in _SPECIAL:
        return _SPECIAL[code]
    try:
        parser = _Parser(_tokens(code))
        factor, dims = parser.term()
        parser.end()
    except (_Unknown, OverflowError):
        return None
    return Unit(_name(dims), factor)


class _Unknown(Exception):  # noqa: N818 - it is no error to meet a unit of another system
    """Not a unit we know."""


_Amount = tuple[Fraction, dict[str, int]]

_TOKEN = re.compile(
    r"(?P<note>\{[^{}]*\})"
    r"|(?P<ten>10[*^])(?P<power>[+-]?\d{1,2})?"
    r"|(?P<number>\d{1,9})"
    r"""|(?P<symbol>[A-Za-z%"']*\[[^\[\]{}]*\]|[A-Za-z%"'_]+)(?P<exponent>[+-]?\d{1,2})?"""
    r"|(?P<sign>[./()])"
)


def _tokens(code: str) -> list[re.Match[str]]:
    found, at = [], 0
    while at < len(code):
        token = _TOKEN.match(code, at)
        if token is None:
            raise _Unknown
        found.append(token)
        at = token.end()
    return found


class _Parser:
    """term = ['/'] component (('.' | '/') component)*, worked out from left to right."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def sign(self) -> str | None:
        return self._tokens[self._at]["sign"] if self._at < len(self._tokens) else None

    def end(self) -> None:
        if self._at != len(self._tokens):
            raise _Unknown

    def term(self) -> _Amount:
        total: _Amount = (Fraction(1), {})
        if self.sign() != "/":
            total = _times(total, self.component(), 1)
        while (sign := self.sign()) in (".", "/"):
            self._at += 1
            total = _times(total, self.component(), 1 if sign == "." else -1)
        return total

    def component(self) -> _Amount:
        if self._at >= len(self._tokens):
            raise _Unknown
        token = self._tokens[self._at]
        self._at += 1
        if token["sign"] == "(":
            amount = self.bracket()
        elif token["note"]:
            return Fraction(1), {}
        elif token["ten"]:
            amount = _power((Fraction(10), {}), int(token["power"] or 1))
        elif token["number"]:
            amount = (Fraction(int(token["number"]) or 1), {})
        elif token["symbol"]:
            amount = _power(_atom(token["symbol"]), int(token["exponent"] or 1))
        else:
            raise _Unknown
        if self._at < len(self._tokens) and self._tokens[self._at]["note"]:
            self._at += 1
        return amount

    def bracket(self) -> _Amount:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Unknown
        amount = self.term()
        if self.sign() != ")":
            raise _Unknown
        self._at += 1
        self._depth -= 1
        return amount


def _times(left: _Amount, right: _Amount, power: int) -> _Amount:
    factor, dims = left[0] * right[0] ** power, dict(left[1])
    for base, exponent in right[1].items():
        dims[base] = dims.get(base, 0) + exponent * power
    return factor, dims


def _power(amount: _Amount, exponent: int) -> _Amount:
    if abs(exponent) > MAX_EXPONENT:
        raise _Unknown
    return amount[0] ** exponent, {base: n * exponent for base, n in amount[1].items()}


def _name(dims: dict[str, int]) -> str:
    return ".".join(f"{base}{n if n != 1 else ''}" for base, n in sorted(dims.items()) if n) or "1"


@lru_cache(2048)
def _atom(symbol: str) -> _Amount:
    """A unit, or a prefix and a metric unit."""
    if symbol in _BASE:
        return Fraction(1), {symbol: 1}
    if symbol in _DEFINED:
        factor, term = _DEFINED[symbol]
        factor_of_term, dims = _Parser(_tokens(term)).term() if term else (Fraction(1), {})
        return Fraction(factor) * factor_of_term, dims
    if symbol in _ARBITRARY:
        return Fraction(1), {symbol: 1}
    for length in (2, 1):
        prefix, rest = symbol[:length], symbol[length:]
        if prefix in _PREFIXES and rest in _METRIC:
            return _times((_PREFIXES[prefix], {}), _atom(rest), 1)
    raise _Unknown


_PREFIXES = {
    name: Fraction(10) ** power
    for name, power in {
        "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
        "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
    }.items()
}  # fmt: skip

_BASE = frozenset({"m", "s", "g", "rad", "K", "C", "cd", "mol"})

#: Convert to nothing else (UCUM: arbitrary units), each spelled as a dimension. `[IU]` and `[iU]` are one, see below.
_ARBITRARY = frozenset({
    "[iU]", "[arb'U]", "[USP'U]", "[GPL'U]", "[MPL'U]", "[APL'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]", "[dye'U]",
    "[smgy'U]", "[bdsk'U]", "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[CCID_50]", "[TCID_50]", "[EID_50]", "[PFU]",
    "[FFU]", "[CFU]", "[IR]", "[BAU]", "[AU]", "[Amb'a'1'U]", "[PNU]", "[Lf]", "[D'ag'U]", "[FEU]", "[ELU]", "[EU]",
    "[hnsf'U]", "[GPL]", "[pH]", "[mesh_i]", "[Ch]", "bit_s", "[hp_X]", "[hp_C]", "[RFU]",
})  # fmt: skip

#: Unit → (factor, term in units already known).
_DEFINED: dict[str, tuple[str, str]] = {
    # numbers
    "%": ("1/100", ""), "[ppth]": ("1/1000", ""), "[ppm]": ("1/1000000", ""), "[ppb]": ("1/1000000000", ""),
    "[pptr]": ("1/1000000000000", ""), "[HPF]": ("1", ""), "[LPF]": ("100", ""),
    # time
    "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"), "wk": ("604800", "s"), "a": ("31557600", "s"),
    "a_j": ("31557600", "s"), "mo": ("2629800", "s"), "mo_j": ("2629800", "s"), "[S]": ("1/10000000000000", "s"),
    # space
    "l": ("1/1000", "m3"), "L": ("1/1000", "m3"), "ar": ("100", "m2"), "Ao": ("1/10000000000", "m"),
    "[in_i]": ("127/5000", "m"), "[ft_i]": ("381/1250", "m"), "[yd_i]": ("1143/1250", "m"),
    "[mi_i]": ("201168/125", "m"), "[diop]": ("1", "/m"), "[car_m]": ("1/5", "g"), "sr": ("1", "rad2"),
    "[gal_us]": ("473176473/125000", "l"), "[qt_us]": ("473176473/500000", "l"),
    "[pt_us]": ("473176473/1000000", "l"), "[cup_us]": ("473176473/2000000", "l"),
    "[foz_us]": ("473176473/16000000", "l"), "[tbs_us]": ("473176473/32000000", "l"),
    "[tsp_us]": ("157725491/32000000", "l"), "[drp]": ("1/20", "ml"), "[cup_m]": ("240", "ml"),
    "[tbs_m]": ("15", "ml"), "[tsp_m]": ("5", "ml"), "[foz_m]": ("30", "ml"),
    # mass
    "t": ("1000000", "g"), "[lb_av]": ("45359237/100000", "g"), "[oz_av]": ("45359237/1600000", "g"),
    "[stone_av]": ("635029318/100000", "g"), "[gr]": ("6479891/100000000", "g"), "g%": ("1", "g/dl"),
    # force, pressure, energy
    "N": ("1000", "g.m/s2"), "Pa": ("1", "N/m2"), "bar": ("100000", "Pa"), "atm": ("101325", "Pa"),
    "m[Hg]": ("133322", "Pa"), "m[H2O]": ("980665/100", "kPa"), "[psi]": ("44482216152605/10000000000000", "N/[in_i]2"),
    "dyn": ("1", "g.cm/s2"), "J": ("1", "N.m"), "erg": ("1", "dyn.cm"), "W": ("1", "J/s"),
    "cal": ("4184/1000", "J"), "[Cal]": ("4184", "J"), "eV": ("1602176634/10000000000000000000000000000", "J"),
    "[MET]": ("35/10", "ml/min/kg"), "P": ("1", "dyn.s/cm2"), "St": ("1", "cm2/s"), "gf": ("980665/100000", "g.m/s2"),
    # electricity, light
    "A": ("1", "C/s"), "V": ("1", "J/C"), "F": ("1", "C/V"), "Ohm": ("1", "V/A"), "S": ("1", "/Ohm"),
    "mho": ("1", "S"), "Wb": ("1", "V.s"), "T": ("1", "Wb/m2"), "G": ("1/10000", "T"), "H": ("1", "Wb/A"),
    "lm": ("1", "cd.sr"), "lx": ("1", "lm/m2"), "Hz": ("1", "/s"),
    # substance, catalysis
    "eq": ("1", "mol"), "osm": ("1", "mol"), "kat": ("1", "mol/s"), "U": ("1/1000000", "mol/min"),
    "[IU]": ("1", "[iU]"),
    # radiation
    "Bq": ("1", "/s"), "Ci": ("37000000000", "Bq"), "Gy": ("1", "J/kg"), "RAD": ("1/100", "Gy"), "Sv": ("1", "J/kg"),
    "REM": ("1/100", "Sv"), "R": ("258/1000000", "C/kg"),
    # angle
    "deg": ("3141592653589793238/180000000000000000000", "rad"),
    # information
    "bit": ("1", ""), "By": ("8", "bit"),
}  # fmt: skip

#: Take a prefix.
_METRIC = _BASE | frozenset({
    "l", "L", "ar", "t", "N", "Pa", "bar", "m[Hg]", "m[H2O]", "dyn", "J", "erg", "W", "cal", "[Cal]", "eV", "P", "St",
    "gf", "A", "V", "F", "Ohm", "S", "mho", "Wb", "T", "G", "H", "lm", "lx", "Hz", "eq", "osm", "kat", "U", "[IU]",
    "[iU]", "Bq", "Ci", "Gy", "RAD", "Sv", "REM", "R", "sr", "bit", "By", "[S]", "g%", "[EU]",
})  # fmt: skip

#: Not a multiple of their base unit; they stand alone, never in a product.
_SPECIAL = {
    "Cel": Unit("K", Fraction(1), Fraction(27315, 100)),
    "[degF]": Unit("K", Fraction(5, 9), Fraction(45967, 100) * Fraction(5, 9)),
}
