"""The lists of planted faults fit the program as it is; `tools/plant_faults.py` plants them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAULTS = [
    pytest.param(fault, id=f"{path.stem}: {fault['what']}")
    for path in sorted((ROOT / "tests" / "faults").glob("*.toml"))
    for fault in tomllib.loads(path.read_text("utf-8"))["fault"]
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_can_be_planted_and_names_a_test(fault: dict[str, str]) -> None:
    assert (ROOT / fault["file"]).read_text("utf-8").count(fault["old"]) == 1
    assert fault["new"] != fault["old"]
    for place in fault["tests"].split():
        path, _, name = place.partition("::")
        assert name.partition("[")[0] in (ROOT / path).read_text("utf-8")
