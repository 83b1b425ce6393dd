"""The networks of the shipped scenarios after their first steps, as hashes.

``python tests/golden/golden_networks.py [NAME ...]`` prints one JSON object: for each scenario the SHA-256 of all
parameters, their names included. ``--threads N`` is the number of threads; ``--write`` replaces the hashes that are
stored beside this file, which is for a change that is meant to change the arithmetic.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import neurosim
from neurosim.data import data_root
from neurosim.scenario import shipped

STORED = Path(__file__).with_name("hashes.json")
STEPS = 30
LARGE = ("cifar10", "mnist", "fashion_mnist")
FEW_ROWS = 640


def digest(name, threads, backend="cpu"):
    """The hash of a scenario's network after its first steps."""
    scenario = neurosim.load_scenario(name)
    if scenario.data.source in LARGE:
        scenario = neurosim.load_scenario(name, overrides={"data.samples": FEW_ROWS, "data.test_samples": FEW_ROWS})
    simulator = neurosim.Simulator(scenario, backend=backend, threads=threads)
    simulator.train_epoch()
    while simulator.steps_done < STEPS and scenario.data.source not in LARGE:
        simulator.train_epoch()
    content = hashlib.sha256()
    for key, array in simulator.parameters.items():
        content.update(key.encode() + b"\0" + array.tobytes())
    return content.hexdigest()


def have_data(name):
    """Whether a scenario's images are on this machine."""
    source = neurosim.load_scenario(name).data.source
    return source not in LARGE or (Path(data_root()) / source).is_dir()


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(arguments)
    hashes = {name: digest(name, given.threads) for name in given.names or sorted(shipped())}
    if given.write:
        STORED.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(hashes))


if __name__ == "__main__":
    main(sys.argv[1:])
