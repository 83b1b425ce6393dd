"""Options exist in the command line only: the library speaks of settings and of arguments in Python."""

import ast
import re

from sources import SOURCES, place, tree

OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# Modules that may have what looks like one, and why.
REASONS = {"worksheet/html.py": "custom properties of its style sheet"}
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def texts(module):
    """The strings of a module, without its docstrings: (line, text)."""
    firsts = [node.body[0] for node in ast.walk(module) if isinstance(node, DOCUMENTED) and node.body]
    docstrings = {id(first.value) for first in firsts if isinstance(first, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_the_library_names_no_options():
    named = {
        place(path): [f"line {line}: {option}" for line, text in texts(tree(path)) for option in OPTION.findall(text)]
        for path in SOURCES
        if not place(path).startswith("cli/")
    }
    assert {module: options for module, options in named.items() if options and module not in REASONS} == {}
    assert all(named[module] for module in REASONS)
