"""Write what comes along with our dependencies into `[tool.uv] constraint-dependencies`, at the versions in use.

`uv.lock` names hosts, so it stays out of git; this list takes its place. Run `uv lock --upgrade` and then
`uv run python tools/pin.py` to renew it, then the tests.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "[tool.uv]\nconstraint-dependencies = [\n", "]\n"


def main() -> None:
    """Replace the list in pyproject.toml by the one of uv.lock."""
    project = ROOT / "pyproject.toml"
    text = project.read_text("utf-8")
    start = text.index(BEGIN) + len(BEGIN)
    stop = text.index(END, start)
    lines = "".join(f'    "{name}=={version}",\n' for name, version in sorted(_indirect(text)))
    project.write_text(text[:start] + lines + text[stop:], "utf-8")


def _indirect(text: str) -> set[tuple[str, str]]:
    settings = tomllib.loads(text)
    named = [*settings["project"]["dependencies"], *settings["dependency-groups"]["dev"], settings["project"]["name"]]
    direct = {re.split(r"[=\[<>~ ]", one, maxsplit=1)[0] for one in named}
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return {(one["name"], one["version"]) for one in lock["package"] if one["name"] not in direct}


if __name__ == "__main__":
    main()
