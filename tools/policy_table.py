"""Write the table of the rules about records into docs/why/policy.md, from the rules themselves.

`python tools/policy_table.py`; tests/core/access/test_rules.py looks whether it was done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benhan.core.access.rules import ALLOWED, BREAKING, DENIED, NO_CONSENT_NEEDED
from benhan.core.access.vocabulary import Allow, Break, Default, Deny

PAGE: Final = Path(__file__).parents[1] / "docs" / "why" / "policy.md"
BEGIN, END = "<!-- the rules -->\n", "<!-- end of the rules -->\n"


def table() -> str:
    """The tables as Markdown."""
    return "\n".join([
        "### Allowed", "", "| Rule | Who | May | Types | For | Law |", "|---|---|---|---|---|---|",
        *map(_allowed, ALLOWED), "",
        "### Denied, whatever is allowed", "", "| Rule | Who | May not | Types | Labels | Unless | Law |",
        "|---|---|---|---|---|---|---|", *map(_denied, DENIED), "",
        "### What a broken glass opens", "", "| Rule | Who | May | Law |", "|---|---|---|---|",
        *map(_broken, BREAKING), "",
        "### Without the patient's consent", "", "| Use | Rules | Law |", "|---|---|---|",
        *map(_unasked, NO_CONSENT_NEEDED), "",
    ])  # fmt: skip


def written(page: str) -> str:
    """The page with the tables as they are now."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


def _allowed(rule: Allow) -> str:
    own = " (own record)" if rule.own else ""
    own += f" (part: {rule.part})" if rule.part else ""
    return (
        f"| `{rule.name}` {rule.vi} *{rule.en}* | {rule.roles} | {rule.may} | {rule.types}{own} | {rule.purpose}"
        f" | {rule.law} |"
    )


def _unasked(use: Default) -> str:
    return f"| `{use.name}` {use.vi} *{use.en}* | {use.rules} | {use.law} |"


def _denied(rule: Deny) -> str:
    unless = ", ".join(rule.unless)
    return (
        f"| `{rule.name}` {rule.vi} *{rule.en}* | {rule.roles} | {rule.may_not} | {rule.types}"
        f" | {rule.labels or 'all'} | {unless} | {rule.law} |"
    )


def _broken(rule: Break) -> str:
    return f"| `{rule.name}` {rule.vi} *{rule.en}* | {rule.roles} | {rule.may} | {rule.law} |"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
