"""What a template names, whoever draws it hands over: a fragment that only the page around it feeds breaks alone."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from jinja2 import Environment, meta, nodes

from benhan.app import ROOMS
from benhan.core.kit import pages

SOURCES = Path(__file__).parents[1] / "src" / "benhan"


def drawings() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each `pages.render(request, "a/b.html", name=…)` of the program: where, the template, the names handed over."""
    for path in sorted(SOURCES.rglob("*.py")):
        text = path.read_text()
        for call in ast.walk(ast.parse(text)) if "pages.render" in text else ():
            if not isinstance(call, ast.Call) or ast.unparse(call.func) != "pages.render":
                continue
            template = call.args[1]
            names = {one.arg for one in call.keywords}
            if isinstance(template, ast.Constant) and None not in names:
                where = f"{path.relative_to(SOURCES)}:{call.lineno}"
                yield where, template.value, frozenset(filter(None, names))


@cache
def parsed(environment: Environment, template: str) -> nodes.Template:
    """What stands in a template; that of the shell is asked for by every page."""
    assert environment.loader
    return environment.parse(environment.loader.get_source(environment, template)[0])


def asked_for(environment: Environment, template: str) -> set[str]:
    """The names that a template and those it stands on or includes ask for, less what they define or test for."""
    found: set[str] = set()
    own: set[str] = set()
    open_ = [template]
    while open_:
        tree = parsed(environment, open_.pop())
        found |= meta.find_undeclared_variables(tree)
        own |= {one.name for one in tree.find_all(nodes.Name) if one.ctx != "load"}
        own |= {one.target for one in tree.find_all(nodes.Import)} | {one.name for one in tree.find_all(nodes.Macro)}
        tests = (one for one in tree.find_all(nodes.Test) if one.name == "defined")
        own |= {one.node.name for one in tests if isinstance(one.node, nodes.Name)}
        parts = (part.template for part in tree.find_all((nodes.Include, nodes.Extends)))
        open_ += [part.value for part in parts if isinstance(part, nodes.Const)]
    return found - own


@pytest.mark.parametrize(("where", "template", "given"), [*drawings()])
def test_a_template_is_given_what_it_names(where: str, template: str, given: frozenset[str]) -> None:
    for room in ROOMS:
        import_module(room)
    environment = pages.environment()
    shell = set(re.findall(r'"(\w+)":', inspect.getsource(pages._shell))) | {"status"} | set(environment.globals)
    assert asked_for(environment, template) <= given | shell, where
