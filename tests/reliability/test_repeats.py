"""The same scenario gives the same bits, for any number of threads, and whether it was interrupted or not."""

import hashlib
import json

import pytest
from sizes import sizes

import neurosim
from neurosim.data import data_root, stored_file
from neurosim.runs import Observer, one_variant
from neurosim.scenario import shipped

THREADS = (1, 2, 7)
EPOCHS = 3
# Scenarios that compile little come first.
FIRST = ("digits", "xor", "spirals", "digits-cnn")
NAMES = (*FIRST, *sorted(set(shipped()) - set(FIRST)))
FEW_IMAGES = {"data.samples": 1024, "data.test_samples": 256}


class StopAfter(Observer):
    """Ctrl-C at the end of an epoch."""

    def __init__(self, epoch):
        self.last = epoch

    def epoch(self, record):
        if record["epoch"] == self.last:
            raise KeyboardInterrupt


def load(name):
    """A shipped scenario, or its first variant, over a few epochs; None where its data are not here."""
    scenario = neurosim.load_scenario(name)
    images = scenario.data.source == "mnist"
    if images and stored_file(data_root() / "mnist", "train-images-idx3-ubyte.gz") is None:
        return None
    changes = {"training.epochs": EPOCHS, "expect": {}, "claims": [], "scenario.repeats": 1}
    changed = neurosim.load_scenario(name, overrides=changes | (FEW_IMAGES if images else {}))
    return one_variant(changed, next(iter(changed.variants))) if changed.variants else changed


def digest(folder):
    """SHA-256 of the model and of every epoch's measures."""
    lines = [json.loads(line) | {"seconds": 0} for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return hashlib.sha256((folder / "model.safetensors").read_bytes() + json.dumps(lines).encode()).hexdigest()


def interrupted(scenario, folder):
    """A run that is stopped after each epoch, with another number of threads each time."""
    with pytest.raises(KeyboardInterrupt):
        neurosim.run(scenario, out=folder, threads=2, observer=StopAfter(1))
    with pytest.raises(KeyboardInterrupt):
        neurosim.run(scenario, resume=folder, threads=7, observer=StopAfter(2))
    neurosim.run(scenario, resume=folder, threads=1)


@sizes(short=2, full=len(NAMES))
def test_one_hash_for_each_scenario(count, tmp_path):
    done = 0
    for name in NAMES[:count]:
        scenario = load(name)
        if scenario is None:
            continue
        for threads in THREADS:
            neurosim.run(scenario, out=tmp_path / f"{name}-{threads}", threads=threads)
        interrupted(scenario, tmp_path / f"{name}-interrupted")
        found = {folder.name: digest(folder) for folder in tmp_path.glob(f"{name}-*")}
        assert len(found) == len(THREADS) + 1
        assert len(set(found.values())) == 1, found
        done += 1
    print(f"{done} scenarios, {len(THREADS) + 1} runs each: one hash each")
    assert done
