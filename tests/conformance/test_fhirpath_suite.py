"""HL7's own FHIRPath suite, a good third of it, on HL7's examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benhan.core.fhir import codec, fhirpath
from benhan.core.fhir.fhirpath.conversions import to_text

CASES = Path(__file__).with_name("fhirpath_cases.txt")


def _cases() -> list[tuple[str, str, str]]:
    """(example, expression, what it gives)."""
    found, example = [], ""
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            example = line.strip("[]").lower()
        elif line and not line.startswith("#"):
            expression, _arrow, wanted = line.rpartition(" =>")
            found.append((example, expression, wanted.strip()))
    return found


def _text(value: Any) -> str:
    said = to_text(value)
    return said if isinstance(said, str) else repr(value)


def test_every_expression_gives_what_hl7_says(official_examples: list[Path]) -> None:
    wanted = {example for example, _expression, _result in _cases()}
    files = [file for file in official_examples if file.stem.lower() in wanted]
    examples = {file.stem.lower(): codec.decode(file.read_bytes()) for file in files}
    wrong = {}
    for example, expression, result in _cases():
        try:
            found = " ; ".join(_text(value) for value in fhirpath.evaluate(examples[example], expression))
        except fhirpath.BadExpression:
            found = "ERROR"
        if found != result:
            wrong[expression] = (found, result)
    assert wrong == {}
