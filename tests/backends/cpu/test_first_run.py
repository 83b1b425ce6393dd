"""A run with an empty cache compiles what it uses and nothing else; the same run again compiles nothing."""

import json
import os
import subprocess
import sys

import pytest

RUN = """
import json, sys
from numba.core import event
from neurosim.cli.application import execute
with event.install_recorder("numba:compile") as recorder:
    status = execute(sys.argv[1:])
assert status == 0, status
print(json.dumps(sum(record.is_start for _, record in recorder.buffer)), file=sys.stderr)
"""
ENGINE = {"engine.train", "engine.evaluate", "masks.shuffle"}
PRODUCTS = {"large_products.product"}
MAPS = {"maps.forward", "maps.backward", "maps.pack", "map_updates.finish", "map_stages.rows_of_maps"}
CONVOLUTION = {"map_stages.convolution", "conv2d.correlation", "conv2d.gradient"}
SMALL = {"lanes.train", "lanes.evaluate", "row_products.forward", "row_products.backward"}
USED = {
    "xor": SMALL,
    "iris": SMALL | {"lane_stages.activation_of_rows", "lane_stages.loss_of_rows"},
    "digits": ENGINE | PRODUCTS,
    "digits-cnn": ENGINE | PRODUCTS | MAPS | CONVOLUTION | {"map_stages.max_pooling"},
}


def compiled_in_a_run(name, folder, out):
    """How many functions a run compiles, inner ones included."""
    options = ["--set", "training.epochs=1", "--set", "expect={}", "--out", folder / out]
    done = subprocess.run(
        [sys.executable, "-c", RUN, "run", name, *options],
        env={**os.environ, "NEUROSIM_CACHE": str(folder / "cache")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.ci if name == "xor" else pytest.mark.slow) for name in USED],
)
def test_a_run_compiles_only_what_it_uses_and_only_once(name, tmp_path):
    assert compiled_in_a_run(name, tmp_path, "first") > 0
    files = [file.name.rpartition("-")[0] for file in tmp_path.rglob("*.nbc")]
    # Each once; kernels of formulas come in modules that are named after them.
    assert sorted(file for file in files if not file.startswith("neurosim_")) == sorted(USED[name])
    assert compiled_in_a_run(name, tmp_path, "again") == 0
