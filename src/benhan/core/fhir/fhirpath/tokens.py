"""The words of a FHIRPath expression, each with its position. Standard: FHIRPath 2.0, section 4 and its grammar."""

from __future__ import annotations

import re
from typing import NamedTuple

from benhan.core.fhir.fhirpath.faults import BadExpression
from benhan.core.language import _

MAX_LENGTH = 20_000

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<moment>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?
      |\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?))
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<name>[A-Za-z_]\w*)
  | (?P<quoted>`(?:[^`\\]|\\.)*`)
  | (?P<sign><=|>=|!=|!~|[-+*/&|.,()\[\]{}=~<>%$])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Token(NamedTuple):
    """One word: what kind it is, its text (strings without quotes and escapes) and where it begins, from 0."""

    kind: str
    text: str
    at: int


def tokens(expression: str) -> list[Token]:
    """The words of the expression, closed by one of kind "end".

    Raises:
        BadExpression: too long, or a character that FHIRPath does not know.
    """
    if len(expression) > MAX_LENGTH:
        raise BadExpression(_("Biểu thức dài quá %(n)s ký tự.", n=MAX_LENGTH), expression, MAX_LENGTH)
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise BadExpression(_("Không đọc được “%(said)s”.", said=expression[at : at + 10]), expression, at)
        kind = str(match.lastgroup)
        if kind != "blank":
            found.append(Token(kind, _bare(kind, match.group()), at))
        at = match.end()
    found.append(Token("end", "", len(expression)))
    return found


def _bare(kind: str, text: str) -> str:
    if kind in ("text", "quoted"):
        return unescaped(text[1:-1])
    return text[1:] if kind == "moment" else text


def unescaped(text: str) -> str:
    """The text with its escapes replaced by what they mean."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    code, letter = found.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(letter, letter)
