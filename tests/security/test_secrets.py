"""No key or token of anybody lies in the tree. Without a network: what was leaked elsewhere is not asked.

The shapes are those of detect-secrets; its own scan takes a minute and a half for what one look at each file shows.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import RegexBasedDetector

ROOT = Path(__file__).parents[2]
#: Shapes that are no key's: what looks like `password = "…"` and addresses with a password are full of tests' own.
LEFT_OUT = {"Basic Auth Credentials", "Secret Keyword", "Public IP (ipv4)"}
#: File → why what is found there is none.
EXCEPTIONS: dict[str, str] = {}


def test_no_secret_lies_in_the_tree() -> None:
    kinds = [one for one in _kinds() if one.secret_type not in LEFT_OUT]
    assert len(kinds) > 12
    found = [
        f"{path.relative_to(ROOT)}: {kind.secret_type}"
        for path, text in _texts()
        for kind in kinds
        if any(shape.search(text) for shape in kind.denylist)
    ]
    assert found == []


def test_a_key_is_found() -> None:
    """The shapes are read as they are meant."""
    key = "-----BEGIN " + "PRIVATE KEY-----"
    assert any(shape.search(key) for kind in _kinds() for shape in kind.denylist)


def _kinds() -> list[type[RegexBasedDetector]]:
    return [one for one in get_mapping_from_secret_type_to_class().values() if issubclass(one, RegexBasedDetector)]


def _texts() -> Iterator[tuple[Path, str]]:
    """Every file that git keeps and a person could read."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.split("\0"):
        path = ROOT / name
        if name and name not in EXCEPTIONS and path.is_file():
            body = path.read_bytes()
            if b"\0" not in body:
                yield path, body.decode("utf-8", "replace")
