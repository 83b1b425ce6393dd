"""Options exist in the command line only: the library speaks of settings and of arguments in Python."""

import ast
import re
from pathlib import Path

import pytest

import neurosim

PACKAGE = Path(neurosim.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# Modules that may have what looks like one, and why.
REASONS = {"worksheet/html.py": "custom properties of its style sheet"}
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] != "cli"]


def texts(tree):
    """The strings of a module, without its docstrings: (line, text)."""
    firsts = [node.body[0] for node in ast.walk(tree) if isinstance(node, DOCUMENTED) and node.body]
    docstrings = {id(first.value) for first in firsts if isinstance(first, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_library_names_no_options(path):
    found = [(line, OPTION.findall(text)) for line, text in texts(ast.parse(path.read_text(encoding="utf-8")))]
    named = [f"line {line}: {option}" for line, options in found for option in options]
    assert bool(named) == (path.relative_to(PACKAGE).as_posix() in REASONS), named
