"""The hashes notice if a fused multiply-add becomes two operations, or if a sum is taken in another order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from golden_networks import STORED

HERE = Path(__file__).parent
# Changes the text of one function, and compiles anew only the kernels that it is in.
PROGRAM = """
import inspect, json, sys
from importlib import import_module

from neurosim.backends.cpu.kernel_cache import KernelCache

scenario, place, old, new, *kernels = json.loads(sys.argv[1])
module, name = place.split(".")
module = import_module(f"neurosim.backends.cpu.{module}")
function = getattr(module, name)
text = inspect.getsource(getattr(function, "_defn", function))
assert text.count(old) == 1, text
exec(compile(text.replace(old, new), module.__file__, "exec"), vars(module))
load, save = KernelCache.load_overload, KernelCache.save_overload
def is_mutated(cache):
    return f"{cache._function.__module__.rpartition('.')[2]}.{cache._function.__name__}" in kernels
KernelCache.load_overload = lambda self, *given: None if is_mutated(self) else load(self, *given)
KernelCache.save_overload = lambda self, *given: None if is_mutated(self) else save(self, *given)
from golden_networks import digest
print(digest(scenario, 1))
"""
FUSED = "builder.call(function, [left, right, total])"
SPLIT = "builder.fadd(total, builder.fmul(left, right))"
SMALL = ("row_products.forward", "row_products.backward")
LINE = "line = offset(builder, panel, PART * vectors, k)"
MUTATIONS = {
    "nothing": ("xor", "row_products.multiply_add", FUSED, FUSED, *SMALL),
    "terms of small layers split": ("xor", "row_products.multiply_add", FUSED, SPLIT, *SMALL),
    "terms of large layers split": ("digits", "product_tiles.multiply_add", FUSED, SPLIT, "large_products.product"),
    "terms of convolutions split": (
        "digits-cnn", "map_tiles._add_products", "multiply_add(builder, line, number, builder.load(place))",
        "builder.fadd(builder.load(place), builder.fmul(line, number))", "conv2d.correlation", "conv2d.gradient",
    ),
    "sums from last to first": (
        "digits", "product_tiles.product_tile", LINE,
        f"k = builder.sub(builder.sub(count, ir.Constant(WORD, 1)), k); {LINE}", "large_products.product",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "mutation",
    [pytest.param(name, marks=pytest.mark.ci if "small" in name else pytest.mark.slow) for name in MUTATIONS],
)
def test_a_mutation_changes_the_hash(mutation):
    given = MUTATIONS[mutation]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(given)], cwd=HERE, capture_output=True, text=True, check=True
    )
    is_same = done.stdout.split()[-1] == json.loads(STORED.read_text(encoding="utf-8"))[given[0]]
    assert is_same == (mutation == "nothing")
