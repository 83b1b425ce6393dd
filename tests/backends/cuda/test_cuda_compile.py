"""Every kernel of the CUDA engine, compiled and linked for real: no spilled registers, no float64.

No GPU is needed, but numba-cuda is. The compiler and the simulator exclude each other in one
process, so each capability has a process of its own.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None,
    reason="needs numba-cuda: pip install 'neurosim-edu[cuda13]' 'cuda-toolkit==13.0.*'",
)

SCRIPT = """
import json
import sys

from numba import types
import support
from support import (
    Activation, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAvgPool, LayerNorm, Pool, Residual
)
from neurosim.backends.cuda import ladder, probes
from neurosim.backends.cuda.modules import load_kernels
from neurosim.backends.cuda.resources import resources_of
from neurosim.backends.cuda.strategy import ON_GPU

capability = tuple(json.loads(sys.argv[1]))
f1, f2, f3 = (types.Array(types.float32, n, "C") for n in (1, 2, 3))
i1, i2 = (types.Array(types.int32, n, "C") for n in (1, 2))
u1, u3, b2 = types.Array(types.uint64, 1, "C"), types.Array(types.uint64, 3, "C"), types.Array(types.uint8, 2, "C")
i = types.int64
data, net = (b2, f2, i1, f1, i1), (f1, f1, f2, f1, f1, u1)
SIGNATURES = {
    "separate": {"run": (i, i, i1, i2, i1, *data, *net, f2, f2, i), "advance": (i1, i, i)},
    "persistent": {"train_epoch": (i2, i2, i1, i, i, i, *data, *net, f2, f2)},
    "single_block": {
        "train_networks": (i2, i2, i1, i, i, i, i, i, f3, f3, i2, f2, i2, u1, f1, f2, f3, f2, f2, u3, f2, f3, f3)
    },
}
dense = [Dense(256, "relu"), Dropout(0.2), Dense(128, "gelu"), Dense(10, "softmax")]
inside = (Conv2d(32, (3, 3), padding="same", bias=False), BatchNorm(), Activation("relu"), Dropout(0.1))
maps = [
    Conv2d(16, (5, 5), "relu", l1=1e-4, l2=1e-4), Pool("max"), Residual(inside), Pool("avg"), LayerNorm(),
    GlobalAvgPool(), Flatten(), Dense(10, "softmax"),
]
vectors = [Residual((Dense(32), BatchNorm(), Activation("gelu"))), LayerNorm(), Dense(10, "softmax")]
own = ("prelu", {}, "unit")
learned = [Dense(64, own), Activation("learnable_swish"), Dense(32, own), Dense(10, "softmax")]
# Maps are not for one block of threads, and have everything else in them.
CCE = "categorical_cross_entropy"
NETWORKS = (
    ("dense", dense, 784, tuple(SIGNATURES), "adam", CCE),
    ("vectors", vectors, 64, ("single_block",), "adam", CCE),
    ("maps", maps, (28, 28, 1), ("separate", "persistent"), "adam", CCE),
    ("arrays", dense, 784, tuple(SIGNATURES), "lamb", "huber"),
    ("learned", learned, 64, tuple(SIGNATURES), "adam", "mse"),
)
found = {}
wanted = json.loads(sys.argv[2])
for what, layers, shape, kinds, optimizer, loss in NETWORKS:
    kinds = [kind for kind in kinds if f"{what} {kind}" in wanted]
    network = support.network(shape, layers, loss)
    for kind in kinds:
        module = load_kernels(network, support.training(optimizer), getattr(ON_GPU, kind), kind)
        for name, signature in SIGNATURES[kind].items():
            used = resources_of(getattr(module, name), signature, capability, cooperative=kind == "persistent")
            found[f"{what} {kind}.{name}"] = [used.registers, used.spilled, used.shared, used.wide]
for place, (kernel, signature, cooperative) in enumerate([*ladder.compilations(), *probes.compilations()]):
    used = resources_of(kernel, signature, capability, cooperative=cooperative)
    found[f"{kernel.py_func.__name__} {place}"] = [used.registers, used.spilled, used.shared, used.wide]
print(json.dumps(found))
"""


DENSE = ["dense separate", "dense persistent", "dense single_block"]
DEEP = ["vectors single_block", "maps persistent"]
# A convolutional network takes a minute and more to compile: one capability in the ordinary run.
REST = ["maps separate", *DEEP, "arrays separate", "arrays single_block", "learned separate", "learned persistent"]
CASES = [
    pytest.param((7, 5), ["dense persistent"], id="sm_75"),
    pytest.param((9, 0), DEEP, id="sm_90-deep"),
    pytest.param((10, 0), [*DENSE, "arrays persistent", "learned single_block"], id="sm_100"),
    *(
        pytest.param(pair, [*DENSE, *REST], id=f"sm_{pair[0]}{pair[1]}-all", marks=pytest.mark.slow)
        for pair in [(7, 5), (8, 0), (9, 0), (10, 0)]
    ),
]
ENTRIES = {"separate": ["run", "advance"], "persistent": ["train_epoch"], "single_block": ["train_networks"]}


@pytest.mark.parametrize(("capability", "networks"), CASES)
def test_kernels_spill_nothing_and_stay_in_float32(capability, networks):
    environment = {
        **os.environ,
        "NUMBA_ENABLE_CUDASIM": "0",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-c", SCRIPT, json.dumps(capability), json.dumps(networks)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    asked = {f"{network}.{name}" for network in networks for name in ENTRIES[network.split()[1]]}
    assert asked < set(found)
    for name, (registers, spilled, shared, wide) in found.items():
        assert spilled == 0, (name, registers)
        assert wide == [], name
        assert registers <= 255
        assert shared <= 48 * 1024, name
