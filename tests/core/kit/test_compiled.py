"""Templates are compiled once for all processes, and never shown as they were before a change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment

from benhan.core.kit import compiled
from benhan.core.kit.compiled import Compiled

PAGE = "{% for n in range(3) %}{{ n }} {{ word }} {% endfor %}"
SHOWN = "0 giường 1 giường 2 giường "


class Counting(Environment):
    """What a process has: an environment of its own; counts what it compiles."""

    compiled = 0

    def compile(self, *given: Any, **named: Any) -> Any:
        self.compiled += 1
        return super().compile(*given, **named)


def started(folder: Path, page: str = PAGE) -> tuple[str, int]:
    """What a process that starts shows, and how many templates it compiled for it."""
    process = Counting(loader=DictLoader({"page.html": page}), bytecode_cache=Compiled(folder))
    shown = process.get_template("page.html").render(word="giường")
    return shown, process.compiled


@pytest.fixture(autouse=True)
def writing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Python may be told to write no bytecode in this environment; here it does."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield
    compiled._kit.cache_clear()


def test_the_second_process_compiles_nothing_and_shows_the_same(tmp_path: Path) -> None:
    assert [started(tmp_path / "kept") for _ in range(2)] == [(SHOWN, 1), (SHOWN, 0)]


def test_a_template_that_changed_is_shown_as_it_is_now(tmp_path: Path) -> None:
    started(tmp_path)
    assert started(tmp_path, "{{ word }}!") == ("giường!", 1)


def test_what_an_older_kit_compiled_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(tmp_path)
    monkeypatch.setattr(compiled, "_kit", lambda: "another")
    assert started(tmp_path) == (SHOWN, 1)
    monkeypatch.undo()


@pytest.mark.parametrize("kept", [0, 5, 20, 60, 100, 200])
def test_what_was_cut_off_while_it_was_written_is_compiled_again(tmp_path: Path, kept: int) -> None:
    started(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    assert [started(tmp_path) for _ in range(2)] == [(SHOWN, 1), (SHOWN, 0)]


def test_where_nothing_can_be_written_pages_are_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("a file, not a folder")
    assert [started(tmp_path / "closed") for _ in range(2)] == [(SHOWN, 1), (SHOWN, 1)]


def test_where_python_writes_no_bytecode_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    started(tmp_path)
    assert list(tmp_path.iterdir()) == []
