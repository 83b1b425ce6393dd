"""A kind of layer is one module in `network.layers` and one in each backend; nothing else asks a layer what it is."""

import ast
import importlib
from collections.abc import Iterator

import pytest
from sources import PACKAGE, SOURCES, place, tree

from neurosim.backends.cpu.stages.kinds import KINDS as CPU
from neurosim.backends.reference.kinds import PASSES
from neurosim.network import layers
from neurosim.network.layers.kinds import SECTIONS
from neurosim.worksheet import backward, choice, forward

KINDS = {
    name: kind
    for name, kind in vars(layers).items()
    if isinstance(kind, type) and issubclass(kind, layers.Layer) and "kind" in vars(kind) and kind is not layers.Layer
}
# Where kinds are at home.
HOMES = ("network/layers", "backends/reference", "backends/cpu/stages", "backends/cuda/stages")
# Besides these, the modules that may name kinds: tables by kind ...
TABLES = {
    "exchange/keras_layers.py",
    "exchange/numpy_layers.py",
    "exchange/onnx_layers.py",
    "exchange/torch_layers.py",
    "report/evaluation.py",
    "worksheet/backward.py",
    "worksheet/choice.py",
    "worksheet/forward.py",
    "worksheet/path.py",
    "worksheet/update.py",
}
# ... what is about one kind only, as a diagram of dense layers or pictures of the kernels of convolutions are ...
ABOUT_ONE = {
    "analysis/conditions.py",
    "analysis/diagram.py",
    "analysis/feature_maps.py",
    "analysis/hidden.py",
    "analysis/output_layer.py",
    "analysis/parameters.py",
    "analysis/weights.py",
    "worksheet/losses.py",
    "worksheet/names.py",
    "worksheet/separation.py",
}
# ... and what puts layers together itself, or finds what a whole network has to keep for a kind.
BUILDERS = {"bench/gpu_training.py", "bench/problem.py", "network/network.py", "testing/agreement.py"}
MODULES = [path for path in SOURCES if not place(path).startswith(HOMES)]


def names_in(module: ast.AST) -> set[str]:
    """The kinds that a piece of a module names."""
    found = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    found |= {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    return found & set(KINDS)


def kinds_named(node: ast.AST) -> set[str]:
    """The kinds that a piece of a module names as a scenario does: ``"dense"``."""
    return {text.value for text in ast.walk(node) if isinstance(text, ast.Constant)} & set(SECTIONS)


def imported_kinds(module: ast.AST) -> set[str]:
    """The kinds that a module imports, by their names or with all of `network.layers`."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("neurosim.network.layers"):
            found |= {alias.name for alias in node.names} & set(KINDS)
        elif isinstance(node, ast.ImportFrom) and node.module == "neurosim.network":
            found |= {alias.name for alias in node.names if alias.name == "layers"}
    return found


def kinds_asked_for(module: ast.AST) -> Iterator[ast.AST]:
    """Where a module asks whether a layer is of a kind."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            asked = node.func.id in ("isinstance", "issubclass") and names_in(node.args[1])
        elif isinstance(node, ast.MatchClass):
            asked = names_in(node.cls)
        elif isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            asked = {side.id for side in sides if isinstance(side, ast.Name)} & set(KINDS) or (
                any(isinstance(side, ast.Attribute) and side.attr == "kind" for side in sides) and kinds_named(node)
            )
        else:
            continue
        if asked:
            yield node


def test_nothing_asks_a_layer_for_its_kind():
    naming = {place(path): tree(path) for path in MODULES if imported_kinds(tree(path))}
    assert naming.keys() == TABLES | ABOUT_ONE | BUILDERS
    asking = [f"{place(path)}: {ast.unparse(node)}" for path in MODULES for node in kinds_asked_for(tree(path))]
    assert asking == []


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_kind_is_one_module_in_each_place(kind):
    home = importlib.import_module(f"neurosim.network.layers.{kind}")
    assert SECTIONS[kind].__module__ == home.__name__
    if not SECTIONS[kind].in_network:
        return
    (layer,) = [layer for layer in KINDS.values() if layer.kind == kind]
    assert layer.__module__ == home.__name__
    for part in ("reference", "cpu.stages", "cuda.stages"):
        assert (PACKAGE / "backends" / part.replace(".", "/") / f"{kind}.py").is_file()
    assert PASSES[layer].forward.__module__ == f"neurosim.backends.reference.{kind}"
    assert CPU[layer].__module__ == f"neurosim.backends.cpu.stages.{kind}"


def test_the_tables_of_the_backends_have_all_kinds():
    cuda = ast.parse((PACKAGE / "backends/cuda/stages/kinds.py").read_text(encoding="utf-8"))
    (table,) = [node.value for node in ast.walk(cuda) if isinstance(node, ast.AnnAssign) and node.target.id == "KINDS"]
    assert {key.attr for key in table.keys} == set(KINDS)
    assert set(PASSES) == set(CPU) == set(KINDS.values())


def test_the_tables_of_the_worksheet_have_all_kinds_that_they_meet():
    kinds = set(KINDS.values())
    assert set(forward._FORWARD) == kinds
    assert set(backward._BACKWARD) == {kind for kind in kinds if not kind.passes_through}
    assert set(choice._MOVING) == {kind for kind in kinds if issubclass(kind, layers.Weighted)}
