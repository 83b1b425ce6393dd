"""What ends in a trained network takes no function of NumPy or the C library whose last bits depend on the machine."""

import ast

from sources import SOURCES, place, tree

PARTS = ("builtins/", "data/", "network/", "problem/", "elementary/", "randomness.py", "backends/augmentation.py")
PARTS += ("backends/cpu/", "backends/arithmetic.py", "backends/invariants.py", "formulas/")
INEXACT = {
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan",
    "atan2", "atanh", "cbrt", "cos", "cosh", "dot", "einsum", "erf", "erfc", "exp", "exp2", "expm1", "float_power",
    "geomspace", "hypot", "inner", "interp", "linalg", "log", "log10", "log1p", "log2", "logaddexp", "logspace",
    "matmul", "polyfit", "polyval", "pow", "power", "sin", "sinh", "tan", "tanh", "tensordot", "vdot",
}  # fmt: skip
# Formulas, which are translated: other functions stand in for those of math there.
FORMULAS = {f"builtins/{name}.py" for name in ("activations", "gates", "losses", "optimizers", "schedules")}
REASONS = {("formulas/portable.py", "math"): "to name those that ours stand in for"}


def uses(module):
    """The modules of which an inexact function is used."""
    for node in ast.walk(module):
        match node:
            case ast.Attribute(value=ast.Name(id="np" | "math" as library), attr=name) if name in INEXACT:
                yield library
            case ast.ImportFrom(module="numpy" | "math" as library, names=names) if {n.name for n in names} & INEXACT:
                yield library
            case ast.BinOp(op=ast.MatMult()):
                yield "np"


def test_none_is_taken():
    found = {
        (place(path), library)
        for path in SOURCES
        if place(path).startswith(PARTS)
        for library in uses(tree(path))
        if library == "np" or place(path) not in FORMULAS
    }
    assert found == set(REASONS)
