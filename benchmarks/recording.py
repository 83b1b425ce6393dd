"""The cost of recording: epochs of the scenario mnist with and without it, in turn.

    NEUROSIM_DATA=... python benchmarks/recording.py [--rounds N]

The share is that of the training time alone, without evaluation. Both networks must end with the same bits.
"""

import argparse
import statistics

import numpy as np

from neurosim import Simulator, load_scenario
from neurosim.scenario.study import QUANTITIES


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    usual = [name for name in QUANTITIES if not name.endswith("histogram")]
    asked = {"nothing": None, "numbers": usual, "numbers and histograms": list(QUANTITIES)}
    simulators = {}
    for name, quantities in asked.items():
        overrides = {} if quantities is None else {"record": {"quantities": quantities}}
        simulators[name] = Simulator(load_scenario("mnist", overrides=overrides))
        simulators[name].train_epoch()
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds):
        for name in list(asked)[number % 3 :] + list(asked)[: number % 3]:
            record = simulators[name].train_epoch()
            times[name].append(record["seconds"])
    plain = simulators["nothing"].parameters
    for name, simulator in simulators.items():
        assert all(np.array_equal(plain[key], array) for key, array in simulator.parameters.items()), name
    base = statistics.median(times["nothing"])
    for name, measured in times.items():
        ratios = [own / other for own, other in zip(measured, times["nothing"], strict=True)]
        share = statistics.median(ratios) - 1
        print(f"{name:<24} epoch {statistics.median(measured):6.3f} s  {share:+7.1%}  ({base:.3f} s without)")


if __name__ == "__main__":
    main()
