"""Checkpoints with right checksums that say what no run has written: refused, or gone on with, never a crash."""

import copy
import json
import random

import numpy as np
from sizes import sizes
from whole_runs import write_scenario

import neurosim
from neurosim.errors import NeurosimError
from neurosim.files.sealed import seal, unseal
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.training.simulator import Simulator

VALUES = (None, True, -1, 0, 7, 10**30, 1e300, "", "x", "../../x", [], [[]], {}, {"a": {}}, [None], [{"epoch": 1}])


def other_array(array, chance):
    """Another array in the place of one: of another shape, type or value."""
    ways = (
        lambda: array[:-1],
        lambda: np.concatenate([array, array]),
        lambda: array[None],
        lambda: array.reshape(-1)[:0],
        lambda: np.zeros((), array.dtype),
        lambda: array.astype(chance.choice(["float64", "float32", "int64", "uint8", "bool"])),
        lambda: np.full(array.shape, chance.choice([-1, 0, 1, 2**30])).astype(array.dtype),
        lambda: array + chance.choice([np.inf, np.nan, 1e30, -(2.0**62)]),
    )
    with np.errstate(all="ignore"):
        return chance.choice(ways)()


def places_in(tree, path=()):
    """Every place of a tree of dicts and lists."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from places_in(value, (*path, key))


def other_words(words, chance):
    """The description with something else in one of its places, or without it."""
    changed = copy.deepcopy(words)
    *path, last = chance.choice(list(places_in(changed)))
    place = changed
    for key in path:
        place = place[key]
    if chance.random() < 0.2:
        del place[last]
    else:
        place[last] = chance.choice(VALUES)
    return changed


def hostile(tensors, words, chance):
    """A checkpoint with one or two lies, in words."""
    tensors, told = dict(tensors), []
    for _ in range(chance.randrange(1, 3)):
        name = chance.choice(list(tensors))
        kind = chance.choice(["array", "array", "words", "words", "drop", "add"])
        told.append(f"{kind} {name}")
        if kind == "array":
            tensors[name] = other_array(tensors[name], chance)
        elif kind == "words":
            words = other_words(words, chance)
            told[-1] = "words"
        elif kind == "drop":
            del tensors[name]
        else:
            tensors[chance.choice(["begun_steps", "best_parameters", "record_x", "x", f"best_{name}"])] = tensors[name]
    return tensors, words, "; ".join(told)


def refusal_of(path, simulator, *, force, case):
    """The error that going on from a checkpoint ends with, if it is one of ours; None where it does not fail."""
    try:
        load_checkpoint(path, simulator, force=force)
        simulator.train()
        json.dumps(list(simulator.history))
        simulator.recording.to_bytes()
    except NeurosimError as error:
        return error
    except Exception as error:
        raise AssertionError(case) from error
    return None


@sizes(short=60, full=2_000)
def test_a_lying_checkpoint_crashes_nothing(count, tmp_path):
    scenario = neurosim.load_scenario(write_scenario(tmp_path / "whole.toml", 3))
    simulator = Simulator(scenario)
    simulator.train_to(15)
    tensors, words = unseal(save_checkpoint(tmp_path, simulator), "checkpoint")
    refused = 0
    for number in range(count):
        lying, description, told = hostile(tensors, words, random.Random(number))
        case = f"number {number}: {told}"
        path = tmp_path / "step-000000000015.safetensors"
        try:
            path.write_bytes(seal(lying, description))
        except ValueError:  # not even JSON
            continue
        victim = simulator.fresh()
        refusal = refusal_of(path, victim, force=number % 2 == 1, case=case)
        if refusal is not None:
            refused += 1
            assert str(path) in refusal.message or refusal.exit_code == 4, f"{case}: {refusal.message}"
            assert len(refusal.message) < 3000, case
    print(f"{refused} of {count} refused, the others gone on with")
    assert refused > count / 2
