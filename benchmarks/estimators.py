"""NeurosimClassifier beside scikit-learn's MLPClassifier: the same network, data, batches and epochs.

    python benchmarks/estimators.py [--rounds N] [--rows N] [--epochs N] [--only digits|mnist] [--processor]

Each round has another seed, and they take turns. What is timed is `fit`; with --processor, for busy machines, the
processor time that it takes on one thread, for both. The ratio of their median times must be at
least 2, and the mean accuracy on the test rows no lower than MLPClassifier's by more than its scatter. The exit status
is 1 if it is not.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import time
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from neurosim.data import dataset_folder
from neurosim.data.file_datasets import neurosim_datasets
from neurosim.plugin import DataRequest
from neurosim.randomness import Stream
from neurosim.sklearn import NeurosimClassifier

AT_LEAST = 2.0
Rows = tuple[NDArray[np.float64], NDArray[np.int64]]


def loaded(name: str, rows: int) -> tuple[Rows, Rows]:
    """At most so many training rows, and test rows, with features from 0 to 1."""
    (dataset,) = [record for record in neurosim_datasets() if record.name == name]
    table = dataset.load(DataRequest(Stream(0, "data"), dataset_folder(name), None), **dataset.options)
    features = table.features / float(table.features.max())
    if table.test_features is None:
        order = np.random.default_rng(0).permutation(len(features))
        test, train = order[: len(order) // 4], order[len(order) // 4 :][:rows]
        return (features[train], table.targets[train]), (features[test], table.targets[test])
    return (features[:rows], table.targets[:rows]), (table.test_features / 255.0, table.test_targets)


def compared(name: str, rows: int, epochs: int, rounds: int, *, processor: bool) -> bool:
    """Measure and print one data set; whether both goals are reached."""
    train, test = loaded(name, rows)
    clock = time.process_time if processor else time.perf_counter
    own = functools.partial(NeurosimClassifier, threads=1) if processor else NeurosimClassifier
    makers = {"NeurosimClassifier": own, "MLPClassifier": MLPClassifier}
    own(max_iter=1).fit(train[0][:1000], train[1][:1000])  # compiled before anything is timed
    seconds: dict[str, list[float]] = {called: [] for called in makers}
    scores: dict[str, list[float]] = {called: [] for called in makers}
    for seed in range(rounds):
        for called, maker in makers.items():
            network = maker(max_iter=epochs, n_iter_no_change=epochs, random_state=seed)
            begin = clock()
            network.fit(*train)
            seconds[called].append(clock() - begin)
            scores[called].append(network.score(*test))
    ours, theirs = (statistics.median(times) for times in seconds.values())
    means = [statistics.fmean(shares) for shares in scores.values()]
    scatter = statistics.stdev(scores["MLPClassifier"]) / rounds**0.5 if rounds > 1 else 1.0
    print(
        f"{name} {len(train[0])} rows, {epochs} epochs: {theirs / ours:.2f}x; fit {ours:.3g} s and {theirs:.3g} s; "
        f"accuracy {means[0]:.2%} and {means[1]:.2%} (+- {scatter:.2%})"
    )
    return theirs / ours >= AT_LEAST and means[0] >= means[1] - 2 * scatter


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only", choices=("digits", "mnist"))
    parser.add_argument("--processor", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    names = [given.only] if given.only else ["digits", "mnist"]
    with threadpool_limits(1 if given.processor else None):
        met = [compared(name, given.rows, given.epochs, given.rounds, processor=given.processor) for name in names]
    print("met" if all(met) else "NOT met")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
