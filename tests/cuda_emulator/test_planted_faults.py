"""Faults planted in the real kernels, one at a time: each is caught, by what is found or by the numbers."""

from dataclasses import dataclass

import numpy as np
import pytest
from support import Dense, Dropout

from cuda_emulator.emulated_networks import PERSISTENT, RESIDENT, SEPARATE, SINGLE, Case
from neurosim.backends.cuda import generation
from neurosim.backends.cuda.strategy import Strategy

LAYERS = [Dense(33, "relu"), Dropout(0.2), Dense(20, "tanh"), Dense(30, "sigmoid", bias=False)]
OTHER_NUMBERS = "other numbers"
RACE, CROSS, BOUNDS, UNWRITTEN = "race in a block", "race between blocks", "out of bounds", "never written"
STALE = "stale cache line"
MEET = "meet(counter, step * program.shape[0] + p + 1)\n"
# A barrier of the grid that counts, but tells nobody in which order others must see what was written.
COUNTED = """\
cuda.syncthreads()
            if cuda.threadIdx.x == 0:
                {fence}
                cuda.atomic.add(counter, 0, 1)
                while cuda.atomic.add(counter, 0, 0) < (step * program.shape[0] + p + 1) * cuda.gridDim.x:
                    pass
                {fence}
            cuda.syncthreads()
"""


@dataclass(frozen=True)
class Mutation:
    """A kernel file, what is replaced in it (after `within`), and at least one of the kinds that must be found."""

    file: str
    within: str
    before: str
    after: str
    expected: set[str]
    strategy: Strategy = PERSISTENT


AFTER_PRODUCT = "            accumulate(left, right, sums, thread)\n            cuda.syncthreads()\n"
AFTER_SHARE = "        share(sums, result, thread)\n        cuda.syncthreads()\n"
MUTATIONS = {
    "barrier of the grid, for the meeting before": Mutation(
        "persistent", "def train_epoch", MEET, MEET.replace("p + 1", "p"), {CROSS}
    ),
    "barrier, before the next tiles": Mutation(
        "tiles", "def forward", AFTER_PRODUCT, AFTER_PRODUCT.partition("\n")[0] + "\n", {RACE}
    ),
    "barrier, before the sums are read": Mutation(
        "tiles", "def backward", AFTER_SHARE, AFTER_SHARE.partition("\n")[0] + "\n", {RACE}, SEPARATE
    ),
    "barrier, of a team that has fetched its inputs": Mutation(
        "single_block", "fetch(net", "            wait()\n", "", {RACE}, SINGLE
    ),
    "fence, of a barrier by counting": Mutation(
        "persistent", "def train_epoch", MEET, COUNTED.format(fence="pass"), {CROSS, STALE}
    ),
    "index, in a right matrix": Mutation(
        "common",
        "def load_right",
        "(k0 + k) * columns + c0 + j)]",
        "(k0 + k + 1) * columns + c0 + j)]",
        {OTHER_NUMBERS, BOUNDS},
    ),
    "index, of a shared tile": Mutation(
        "common",
        "def share",
        "result[i0 + i, j0 + j]",
        "result[j0 + j, i0 + i + 1]",
        {RACE, BOUNDS, UNWRITTEN, OTHER_NUMBERS},
    ),
    "mask, of what is loaded": Mutation(
        "common", "def load_right", "k0 + k < terms and c0 + j < columns", "k0 + k < terms", {BOUNDS}
    ),
    "mask, of what is stored": Mutation(
        "tiles", "def forward", "if i < rows and j < units:", "if i < rows:", {CROSS, RACE, OTHER_NUMBERS}
    ),
    "stride, of all threads": Mutation(
        "common", "def stride_of", "return team[1] * THREADS", "return THREADS", {CROSS}
    ),
    "wait, for what is copied ahead": Mutation(
        "resident_units", "def take_turn", "    wait_for_copies()\n", "", {UNWRITTEN}, RESIDENT
    ),
    "barrier, behind that wait": Mutation(
        "resident_units", "    wait_for_copies()\n", "    cuda.syncthreads()\n", "", {RACE, UNWRITTEN}, RESIDENT
    ),
    "place, of the outputs of this step": Mutation(
        "resident_units", "def forward", "(half * ROWS + row)", "row", {CROSS}, RESIDENT
    ),
    "barrier of the grid, between units of different blocks": Mutation(
        "resident_places", "def arrive_and_wait", "(counter, meetings,", "(counter, meetings - 1,", {CROSS}, RESIDENT
    ),
    "stride, of tiles": Mutation(
        "tiles", "def backward", "tiles_of(rows, inputs), team[1]", "tiles_of(rows, inputs), team[1] + 1", {UNWRITTEN}
    ),
}


@pytest.fixture
def found_with(device, monkeypatch):
    """What is found in an epoch with a mutation."""

    def found(mutation):
        text_of = generation._text_of

        def mutated(kernels):
            text = text_of(kernels)
            if kernels != mutation.file:
                return text
            before, within, after = text.partition(mutation.within)
            assert mutation.before in after
            return before + within + after.replace(mutation.before, mutation.after, 1)

        monkeypatch.setattr(generation, "_text_of", mutated)
        # More blocks than that would leave some of the others without work, and their faults without effect.
        device.set_device(3, 3 if mutation.strategy is RESIDENT else 1)
        case = Case(40, LAYERS, "mse", "sgd", mutation.strategy)
        bench, reference = case.make()
        rows = case.rows
        bench.train_epoch(rows, 0)
        reference.train_epoch(rows, 0)
        kinds = {finding.kind for finding in device.findings()}
        same = np.allclose(bench.parameters, reference.parameters, rtol=1e-4, atol=1e-5)
        return kinds if same else {*kinds, OTHER_NUMBERS}

    return found


# Each is compiled anew: two of them, and the others with ``-m slow``.
QUICK = ("barrier of the grid, for the meeting before", "fence, of a barrier by counting")
PARAMETERS = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MUTATIONS]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_mutation_is_caught(found_with, name):
    assert found_with(MUTATIONS[name]) & MUTATIONS[name].expected


@pytest.mark.slow
def test_a_barrier_by_counting_with_its_fences_is_as_good_as_that_of_the_grid(found_with):
    """The other side of the mutation that leaves the fences out."""
    fenced = COUNTED.format(fence="cuda.threadfence()")
    assert found_with(Mutation("persistent", "def train_epoch", MEET, fenced, set())) == set()
