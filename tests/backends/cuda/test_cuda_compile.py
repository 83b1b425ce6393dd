"""Every kernel of the CUDA engine, compiled and linked for real, and what its machine code says of it.

No GPU is needed, but numba-cuda is, and nvidia-cuda-nvdisasm where instructions are counted. The compiler and the
simulator exclude each other in one process, so the compiler has one of its own.
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

from cuda.bindings import nvjitlink
from numba import types
import support
from cuda_emulator.emulated_networks import OWN, SHARED, maps, vectors
from support import Dense, Dropout, Flatten, GlobalAvgPool
from neurosim.backends.base import JUDGES
from neurosim.backends.cuda import ladder, probes, resident
from neurosim.backends.cuda.generation import activations_of
from neurosim.backends.cuda.layout import build_table
from neurosim.backends.cuda.machine_code import count, disassembled, disassembler, product_loops
from neurosim.backends.cuda.machine_steps import step_of
from neurosim.backends.cuda.modules import NO_TILES, load_kernels
from neurosim.backends.cuda.resources import assembly_texts, resources_of
from neurosim.backends.cuda.small_model import TeamStep
from neurosim.backends.cuda.stages.kinds import KINDS
from neurosim.backends.cuda.strategy import ON_GPU
from neurosim.backends.cuda.target import lowered
from neurosim.network.layers import Residual
from neurosim.backends.cuda.teams import team_for

capabilities = [tuple(pair) for pair in json.loads(sys.argv[1])]
f1, f2, f3 = (types.Array(types.float32, n, "C") for n in (1, 2, 3))
i1, i2 = (types.Array(types.int32, n, "C") for n in (1, 2))
c1 = types.Array(types.uint32, 1, "C")
u1, u3, b2 = types.Array(types.uint64, 1, "C"), types.Array(types.uint64, 3, "C"), types.Array(types.uint8, 2, "C")
i = types.int64
data, net = (b2, f2, i1, f1, i1), (f1, f1, f2, f1, f1, u1)
SIGNATURES = {
    "separate": {"run": (i, i, i1, i2, i1, *data, *net, f2, f2, i), "advance": (i1, i, i)},
    "resident": {"train_resident": (i, i, i, i, *data, f1, f1, f2, f1, f2, u1, f2, f2, c1)},
    "persistent": {"train_epoch": (i2, i2, i1, i, i, i, *data, *net, f2, f2, c1)},
    "single_block": {
        "train_networks": (i, i, i, i, f3, f3, i2, f2, i2, u1, f2, f3, f2, f2, u3, f2, f3, f3)
    },
}
dense = [Dense(256, "relu"), Dropout(0.2), Dense(128, "gelu"), Dense(10, "softmax")]
vectors = [*vectors(OWN, SHARED), Dense(6)]
ends = [GlobalAvgPool(), Flatten()]
# Maps are not for teams of threads; all else is.
CCE = "categorical_cross_entropy"
NETWORKS = (
    ("dense", dense, 784, ("separate", "resident", "persistent"), "adam", CCE),
    ("xor", [Dense(4, "tanh"), Dense(1, "sigmoid")], 2, ("single_block",), "adam", "binary_cross_entropy"),
    ("vectors", vectors, 12, ("single_block",), "lamb", "mse"),
    ("maps", [*maps("tanh"), *ends, Dense(3)], (7, 6, 2), ("persistent",), "adam", "huber"),
    ("everything", [*maps(OWN), *ends, *vectors], (7, 6, 2), ("separate", "persistent"), "lamb", "huber"),
)
parts = {
    type(part)
    for what, layers, shape, _, _, loss in NETWORKS
    if what in ("vectors", "maps")
    for part in support.network(shape, layers, loss).parts
}
assert parts >= set(KINDS) - {Residual}, "some kinds of layers are not compiled"
found = []
wanted, compare_texts = json.loads(sys.argv[2]), json.loads(sys.argv[3])


def resident_layout(network, training):
    # For the multiprocessors of an H200.
    table = build_table(network, 64, activations_of(network), judge=2, training=training)
    return resident.lay_out(table, resident.tiles_of(64, ON_GPU.resident_threads, ON_GPU.resident_rows), 2, 132)


def note(what, entry, kernel, signature, tiles=None, threads=256, predicted=None):
    gpus = [capability for capability in capabilities if capability >= (8, 0) or not entry.startswith("resident")]
    if compare_texts:
        with lowered(kernel, signature) as library:
            texts = assembly_texts(library, gpus)
            assert texts == {capability: library.get_asm_str(cc=capability) for capability in gpus}, entry
    for capability, used in resources_of(kernel, signature, gpus).items():
        loops = step = meetings = None
        if what == "xor" and disassembler() is not None:
            step = vars(step_of(disassembled(used.code), used.name)) | {"predicted": predicted}
        if tiles is not None and disassembler() is not None:
            together = tiles.down * tiles.across
            products = product_loops(disassembled(used.code), used.name, together, tiles.depth * together)
            loops = [(loop.each, loop.barriers) for loop in products]
            meetings = count(disassembled(used.code), used.name, "RED")
        numbers = {name: getattr(used, name) for name in ("registers", "spilled", "shared", "wide", "fusible")}
        numbers |= {"blocks": used.blocks(threads), "loops": loops, "step": step, "meetings": meetings}
        toolkit = nvjitlink.version()[0]
        found.append({"what": what, "entry": entry, "capability": capability, "toolkit": toolkit, **numbers})


for what, layers, shape, kinds, optimizer, loss in NETWORKS:
    kinds = [kind for kind in kinds if f"{what} {kind}" in wanted]
    network, training = support.network(shape, layers, loss), support.training(optimizer)
    rows, batch = (4, 4) if what == "xor" else (60, 16)
    for kind in kinds:
        team, tiles, own_text = None, getattr(ON_GPU, kind, None), ""
        if kind == "single_block":
            team = team_for(network, training, batch, rows, JUDGES["threshold"], tiles, ON_GPU.terms)
            tiles = NO_TILES
        elif kind == "resident":
            layout = resident_layout(network, training)
            tiles, own_text = layout.tiles, layout.text
        module = load_kernels(network, training, tiles, kind, team, own_text=own_text)
        threads, predicted = tiles.threads, None
        if team is not None:
            threads, predicted = team.block, TeamStep(team, 1, rows, None).instructions
        for name, signature in SIGNATURES[kind].items():
            tiled = None if team is not None or name == "advance" else tiles
            note(what, f"{kind}.{name}", getattr(module, name), signature, tiled, threads, predicted)
if "dense resident" in wanted:
    for kernel, signature, _ in [*ladder.compilations(), *probes.compilations()]:
        note("probe", kernel.py_func.__name__, kernel, signature)
print(json.dumps(found))
"""


DENSE = ["dense separate", "dense resident", "xor single_block"]
# With all kinds of layers between them.
DEEP = ["maps persistent", "vectors single_block"]
ALL = [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0)]
# Of each version of LLVM that is in libNVVM, and of the oldest GPUs.
SOME = [(7, 5), (9, 0), (12, 0)]
CASES = [
    # The longest first, each by itself: processes share them.
    *(pytest.param(SOME, [network], id=network.replace(" ", "-")) for network in (*DEEP, *DENSE)),
    pytest.param(ALL, [*DENSE, "dense persistent"], id="dense-all", marks=pytest.mark.slow),
    pytest.param(ALL, [*DEEP, "everything separate", "everything persistent"], id="deep-all", marks=pytest.mark.slow),
]
ENTRIES = {
    "separate": ["run", "advance"],
    "resident": ["train_resident"],
    "persistent": ["train_epoch"],
    "single_block": ["train_networks"],
}
# Instructions for each multiply-add in the slowest of the three products of dense layers: before sm_100, whose kernels
# are given to another version of LLVM, and from there on.
MOST_INSTRUCTIONS = {
    "separate.run": (4.2, 3.7),
    "persistent.train_epoch": (11.0, 9.0),
    # With one sum a thread; with the three of ten outputs it is half of that.
    "resident.train_resident": (5.0, 5.0),
}
# In place of these, where a toolkit (of CUDA 12 or 13) makes more of them for a GPU.
MORE_INSTRUCTIONS = {
    ("separate.run", 12, (10, 0)): 3.8,
    ("separate.run", 12, (12, 0)): 3.85,
    ("separate.run", 13, (10, 0)): 3.85,
}
# Barriers of a block in each turn of these loops, which may be for several tiles; and of all blocks in a whole kernel,
# of which one is before the first step.
BARRIERS, MEETINGS = {"resident.train_resident": 4}, {"dense resident.train_resident": 4}
# Of a step of an XOR network, for which there are 4 rows and 17 parameters, and 8 threads: instructions and barriers of
# a thread, and cycles of a warp that is alone.
MOST_OF_STEP = {"instructions": 660, "barriers": 6, "cycles": 2500}
# Blocks of a kernel that have enough registers on a multiprocessor.
LEAST_BLOCKS = {"xor single_block.train_networks": 13, "dense persistent.train_epoch": 2}


@pytest.mark.parametrize(("capabilities", "networks"), CASES)
def test_kernels_are_as_they_should_be(capabilities, networks):
    """No spilled registers, no float64, registers and shared memory within limits, few instructions and barriers."""
    environment = {
        **os.environ,
        "NUMBA_ENABLE_CUDASIM": "0",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-c", SCRIPT, *map(json.dumps, (capabilities, networks, capabilities == ALL))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    kernels = json.loads(done.stdout.splitlines()[-1])
    for network in networks:
        what, kind = network.split()
        for name in ENTRIES[kind]:
            compiled = [kernel for kernel in kernels if (kernel["what"], kernel["entry"]) == (what, f"{kind}.{name}")]
            # Those of `resident` copy in a way that older GPUs have not.
            expected = [gpu for gpu in capabilities if gpu >= (8, 0) or kind != "resident"]
            assert [tuple(kernel["capability"]) for kernel in compiled] == expected, (network, name)
    for kernel in kernels:
        assert kernel["spilled"] == 0, kernel
        assert kernel["wide"] == [], kernel
        assert kernel["fusible"] == [], kernel
        assert kernel["registers"] <= 255, kernel
        assert kernel["shared"] <= 48 * 1024, kernel
        names = f"{kernel['what']} {kernel['entry']}", kernel["entry"]
        assert kernel["blocks"] >= max(LEAST_BLOCKS.get(name, 1) for name in names), kernel
        if kernel["loops"] is not None:
            check_products(kernel)
        if kernel["step"] is not None:
            check_step(kernel)


def check_step(kernel):
    """As many instructions as the model of small networks counts, and not more than they were."""
    step = kernel["step"]
    assert all(step[name] <= most for name, most in MOST_OF_STEP.items()), kernel
    assert step["instructions"] == pytest.approx(step["predicted"], rel=0.15), kernel


def check_products(kernel):
    """The loops over tiles, three or more: shared memory, few barriers and few instructions."""
    assert kernel["shared"] > 0, kernel
    assert len(kernel["loops"]) >= 3, kernel
    expected = BARRIERS.get(kernel["entry"], 2)
    assert all(barriers == expected for _, barriers in kernel["loops"]), kernel
    assert kernel["meetings"] == MEETINGS.get(f"{kernel['what']} {kernel['entry']}", kernel["meetings"]), kernel
    if kernel["what"] == "dense":
        entry, gpu = kernel["entry"], tuple(kernel["capability"])
        most = MORE_INSTRUCTIONS.get((entry, kernel["toolkit"], gpu), MOST_INSTRUCTIONS[entry][gpu >= (10, 0)])
        assert max(each for each, _ in kernel["loops"]) <= most, kernel
