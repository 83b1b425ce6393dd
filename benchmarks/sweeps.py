"""`neurosim sweep` from the shell to its table: beside its engine alone, JAX, and Optuna with a pool of processes.

    python benchmarks/sweeps.py [--rates N] [--seeds N] [--steps N] [--rounds N] [--trials N] [--json FILE]

The work is networks for XOR, trained with some learning rates from some seeds each. Contenders take turns; the fastest
round of each counts, in seconds and in processor time of all processes.

* The engine: one ensemble for each rate, compiled before, with nothing done with what it gives.
* JAX: `sweeps_jax.py`, from the shell; it trains all networks in one `vmap` and writes the same table.
* Optuna: a study asks for points that processes train by `neurosim.run`, and is told what came out. It trains --trials
  of them, and its time, without that of starting the processes, is scaled to as many as the others train.

The exit status is 1 where results do not agree; a target that is missed is printed.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import neurosim
from neurosim.backends.select import make_small_ensemble
from neurosim.scenario import load_scenario
from neurosim.sweeps.entries import entries_in
from neurosim.training.ensemble import Ensemble

# By so much the mean accuracies of two contenders, which do not draw the same initial values, may differ.
APART = 0.05
TARGETS = {"engine": 3.0, "optuna": 100.0, "jax": 5.0}


Spent = tuple[float, float]
Losses = dict[tuple[float, int], float]


def taken(work: Callable[[], object]) -> Spent:
    """Seconds, and processor seconds of this process and its children."""

    def processor() -> float:
        each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in each)

    begin, before = time.perf_counter(), processor()
    work()
    return time.perf_counter() - begin, processor() - before


def ensembles(rates: list[float], seeds: int, steps: int) -> list[Callable[[], None]]:
    """What trains the networks of each rate, ready to begin."""
    made = []
    for rate in rates:
        scenario = load_scenario("xor", overrides={"optimizer.lr": rate, "training.epochs": steps})
        problem, backend = Ensemble(scenario, seeds).prepare()
        together = make_small_ensemble(backend, range(seeds), [problem.splits["train"]])
        assert together is not None
        made.append(lambda together=together: together.train_noting(steps, lambda *noted: None))
    return made


def run_one(rate: float, seed: int, steps: int) -> float:
    """The final loss of one trial, in another process."""
    settings = {"optimizer.lr": rate, "training.epochs": steps, "scenario.seed": seed}
    return neurosim.run("xor", overrides=settings, threads=1).metrics["train_loss"]


def with_optuna(rates: list[float], seeds: int, trials: int, steps: int) -> tuple[Spent, Losses]:
    """What some trials have taken, and their losses."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    jobs, losses = os.cpu_count() or 1, {}
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        # Started and compiled before: each process has a share of these.
        list(pool.map(run_one, [rates[0]] * 8 * jobs, range(8 * jobs), [steps] * 8 * jobs))
        used = sum(_processor_of(process.pid) for process in pool._processes.values())
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

        def search() -> None:
            waiting = []
            for _ in range(trials):
                trial = study.ask()
                rate = trial.suggest_categorical("rate", rates)
                seed = trial.suggest_int("seed", 0, seeds - 1)
                waiting.append((trial, rate, seed, pool.submit(run_one, rate, seed, steps)))
            for trial, rate, seed, future in waiting:
                losses[rate, seed] = future.result()
                study.tell(trial, losses[rate, seed])

        seconds, own = taken(search)
        used = sum(_processor_of(process.pid) for process in pool._processes.values()) - used
    return (seconds, own + used), losses


def _processor_of(process: int) -> float:
    """Processor seconds of a running process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rates", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=64, help="of Optuna; 0 leaves it out")
    parser.add_argument("--no-jax", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    # What the command line's log(1e-3,1,N) has.
    rates = [float(f"{10.0**power:.12g}") for power in np.linspace(-3, 0, given.rates)]
    best: dict[str, Spent] = {}

    def note(name: str, spent: Spent) -> None:
        best[name] = tuple(map(min, best.get(name, spent), spent))

    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), Path(name) / "jax.csv"
        over = f"optimizer.lr={','.join(map(str, rates))}"
        command = [sys.executable, "-m", "neurosim", "sweep", "xor", "--over", over, "--seeds", str(given.seeds)]
        command += ["--set", f"training.epochs={given.steps}", "--json", "--out"]
        script = str(Path(__file__).with_name("sweeps_jax.py"))
        peer = [sys.executable, script, str(rows), str(given.seeds), str(given.steps), *map(str, rates)]
        for number in range(given.rounds):
            made = ensembles(rates, given.seeds, given.steps)
            note("engine", taken(lambda made=made: [train() for train in made]))
            with (folder / "table.json").open("w") as file:
                own = functools.partial(subprocess.run, [*command, str(folder / str(number))], stdout=file, check=True)
                note("sweep", taken(own))
            if not given.no_jax:
                note("jax", taken(functools.partial(subprocess.run, peer, check=True)))
        table = json.loads((folder / "table.json").read_text())["ranking"]
        means = {row["settings"].get("optimizer.lr", rates[0]): row["mean"] for row in table}
        agree = set(means) == set(rates) and all(row["n"] == given.seeds for row in table)
        if not given.no_jax:
            with rows.open(newline="") as file:
                theirs = {float(row["rate"]): float(row["accuracy"]) for row in csv.DictReader(file)}
            apart = APART + 2 / math.sqrt(given.seeds)
            agree &= all(abs(theirs[rate] - means[rate]) <= apart for rate in rates)
        if given.trials:
            spent, losses = with_optuna(rates, given.seeds, given.trials, given.steps)
            scale = given.rates * given.seeds / given.trials
            note("optuna", (spent[0] * scale, spent[1] * scale))
            ours = {(e.settings["optimizer.lr"], e.seed): e.final["train_loss"] for e in entries_in([folder / "0"])}
            agree &= all(ours[point] == loss for point, loss in losses.items())
    print(f"{given.rates * given.seeds:,} trials of {given.steps:,} steps")
    for name, (seconds, processor) in best.items():
        print(f"{name:8} {seconds:8.3g} s  {processor:8.3g} s of processors")
    ratios = {name: [ours / theirs for ours, theirs in zip(best["sweep"], best[name], strict=True)] for name in best}
    print(f"sweep / engine: {ratios['engine'][0]:.2f}, of processors {ratios['engine'][1]:.2f} (at most 3)")
    for name in ("optuna", "jax"):
        if name in ratios:
            seconds, processor = (1 / ratio for ratio in ratios[name])
            print(f"{name} / sweep: {seconds:.3g}, of processors {processor:.3g} (at least {TARGETS[name]:g})")
    print("results agree" if agree else "results DO NOT agree")
    if given.json is not None:
        given.json.write_text(json.dumps({"seconds": best, "agree": agree}, indent=2) + "\n")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
