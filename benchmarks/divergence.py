"""The cost of checking for numbers that are not finite: epochs with and without it, in turn.

    NEUROSIM_DATA=... python benchmarks/divergence.py [--rounds N] [--only CASE]

The share is that of the training time, without evaluation. Both networks must end with the same bits.
"""

import argparse
import statistics
import time

import numpy as np

from neurosim import Simulator, load_scenario

# Scenario, epochs per round, and changes: from a network that takes microseconds to one with many parameters and few
# steps, whose copy is the most expensive.
CASES = {
    "xor": ("xor", 4000, {}),
    "spirals": ("spirals", 400, {"record.quantities": ["weight_norm"], "record.every": 10**6}),
    "digits": ("digits", 100, {}),
    "digits-cnn": ("digits-cnn", 40, {}),
    "mnist": ("mnist", 1, {}),
    "digits, 2 million parameters, 1 step": (
        "digits",
        4,
        {"network.layers.0.units": 30_000, "training.batch_size": 2000},
    ),
}


class Unwatched:
    """A guard that checks nothing."""

    def begin(self, *arguments: object) -> None:
        """Called before the steps."""

    def check(self, *arguments: object) -> None:
        """Called after the steps."""


def simulator(name: str, changes: dict[str, object], *, watched: bool) -> Simulator:
    """A simulator that has been trained for an epoch, with or without its guard."""
    made = Simulator(load_scenario(name, overrides={"training.epochs": 10**7, "expect": {}, **changes}))
    if not watched:
        made._epochs._guard = Unwatched()
    made.train_epoch()
    return made


def seconds(trained: Simulator, epochs: int) -> float:
    """The time of some epochs, without evaluation."""
    start = time.perf_counter()
    for _ in range(epochs):
        trained._epochs.complete(len(trained.history))
    return time.perf_counter() - start


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=31)
    options.add_argument("--only", choices=list(CASES), help="one of the cases")
    chosen = options.parse_args()
    rounds = chosen.rounds
    for case, (name, epochs, changes) in CASES.items():
        if chosen.only not in (None, case):
            continue
        both = [simulator(name, changes, watched=watched) for watched in (True, False)]
        times: list[list[float]] = [[], []]
        for number in range(rounds):
            for which in (0, 1) if number % 2 else (1, 0):
                times[which].append(seconds(both[which], epochs))
        for key, array in both[0].parameters.items():
            assert np.array_equal(array, both[1].parameters[key]), key
        ratios = [watched / without - 1 for watched, without in zip(*times, strict=True)]
        epoch = statistics.median(times[1]) / epochs
        spread = f"{min(ratios):+.2%} to {max(ratios):+.2%}"
        print(f"{case:<40} epoch {epoch * 1e6:10.1f} us  watched {statistics.median(ratios):+7.2%}  ({spread})")


if __name__ == "__main__":
    main()
