"""Vietnamese first, complete English beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file

from benhan.core.language import _, in_markup, read, speaking

SOURCE = Path(__file__).parents[2] / "src" / "benhan"
KIT = SOURCE / "core" / "kit"
KEYWORDS = {"_": None, "later": None}


def folders() -> list[Path]:
    """Every folder of the program that says something of its own."""
    return sorted({path.parent for suffix in ("py", "html") for path in SOURCE.rglob(f"*.{suffix}") if _speaks(path)})


def _speaks(path: Path) -> bool:
    return path.parent.name != "templates" and "/fhir/r4" not in path.as_posix()


def english_of(folder: Path) -> dict[str, str]:
    """The English texts of a folder: the kit's, which are everybody's, then those of the folders above, its own."""
    found = read(KIT / "english.po")
    for one in reversed([folder, *folder.parents]):
        if one.is_relative_to(SOURCE) and (one / "english.po").is_file():
            found |= read(one / "english.po")
    return found


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every `_()` and `later()` in a Python file or a template."""
    method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
    options = {"encoding": "utf-8", "silent": "false", "extensions": "jinja2.ext.do,jinja2.ext.loopcontrols"}
    for line, message, *_rest in extract_from_file(method, path, KEYWORDS, (), options, False):
        yield line, message if isinstance(message, str) else message[0]


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(SOURCE)))
def test_every_text_has_its_english(folder: Path) -> None:
    files = [*folder.glob("*.py"), *(folder / "templates").rglob("*.html")]
    known = english_of(folder)
    missing = {text: f"{path.name}:{line}" for path in files for line, text in texts(path) if text not in known}
    assert not missing, "no English for:\n" + "\n".join(f"{place}: {text}" for text, place in missing.items())


def test_placeholders_are_the_same_in_both_languages() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}: {text} → {english}"
        for path in SOURCE.rglob("english.po")
        for text, english in read(path).items()
        if sorted(_placeholders(text)) != sorted(_placeholders(english))
    ]
    assert not wrong, "\n".join(wrong)


def _placeholders(text: str) -> list[str]:
    return [part.split(")")[0] for part in text.split("%(")[1:]]


def test_a_text_is_said_in_the_language_of_the_request() -> None:
    assert _("Trang") == "Trang"
    with speaking("en"):
        assert _("Trang") == "Pages"
        assert _("Mã %(status)s", status=404) == "Code 404"
    assert _("Trang") == "Trang"


def test_values_in_templates_are_escaped() -> None:
    assert in_markup("Dị ứng: %(what)s", what="<b>x</b>") == "Dị ứng: &lt;b&gt;x&lt;/b&gt;"


@pytest.mark.parametrize("text", ["80 %", "<", "còn {} phút"])
def test_a_text_without_placeholders_is_left_as_it_is(text: str) -> None:
    assert _(text) == text
