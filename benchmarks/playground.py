"""The engine of the page that trains, beside the algorithm of TensorFlow Playground; both in one headless Chromium.

python benchmarks/playground.py [--rounds 5]: samples a second of either, in turns, medians, for two hidden layers of 8
and of 32 units of tanh, batches of 10, squared error. The losses of both are printed, so that one sees that both learn.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tomllib
from pathlib import Path

import neurosim
from neurosim.formulas.javascript import Script
from neurosim.problem.assembly import assemble
from neurosim.report.engine import engine
from neurosim.report.twin import catalog, splits

PEER = Path(__file__).with_name("playground_peer.js")
UNITS = (8, 32)
MEASURE = """
(text) => {
  const { scenario, known, given, units, samples, rounds, targets, rows } = JSON.parse(text);
  const { Rows, Trainer } = engine();
  const train = new Rows(given.train, 2);
  const trainer = new Trainer(scenario, { train }, 2, known);
  const peer = peerNetwork([2, units, units, 1]);
  const steps = samples / 10;
  const ours = () => {
    for (let step = 0; step < steps; step += 1) trainer.step();
  };
  const theirs = () => peerTrain(peer, rows, targets, samples, 10, 0.03);
  const rate = (work) => {
    const start = performance.now();
    work();
    return (1000 * samples) / (performance.now() - start);
  };
  ours();
  theirs();
  const found = { ours: [], theirs: [] };
  for (let round = 0; round < rounds; round += 1) {
    found.ours.push(rate(ours));
    found.theirs.push(rate(theirs));
  }
  const off = rows.map((row, k) => (peerForward(peer, row) - targets[k]) ** 2);
  return { ...found, loss: trainer.evaluate("train").loss, peerLoss: off.reduce((sum, x) => sum + x, 0) / off.length };
}
"""


def problem_of(units):
    """Moons with targets of -1 and 1, as in the Playground; loss and rates are the same."""
    dense = [{"kind": "dense", "units": units, "activation": "tanh"} for _ in range(2)]
    scenario = neurosim.scenario(
        {
            "scenario": {"name": "playground", "title": "Playground"},
            "data": {"source": "moons", "samples": 400},
            "network": {"loss": "mse", "layers": [*dense, {"kind": "dense", "units": 1, "activation": "tanh"}]},
            "optimizer": {"name": "sgd", "lr": 0.015},
            "training": {"epochs": 1, "batch_size": 10},
        }
    )
    return scenario, assemble(scenario)


def measure(page, units, samples, rounds):
    """Samples a second of the page's engine and of its peer, in each round, and the losses of both."""
    script = Script()
    known = catalog(neurosim.build_registry([]), script)
    page.add_script_tag(content=engine(script))
    page.add_script_tag(content=PEER.read_text(encoding="utf-8"))
    scenario, problem = problem_of(units)
    train = problem.splits["train"]
    given = {
        "scenario": tomllib.loads(scenario.to_toml()),
        "known": known,
        "given": splits(problem),
        "rows": train.features.tolist(),
        "targets": train.values.ravel().tolist(),
        "units": units,
        "samples": samples,
        "rounds": rounds,
    }
    return page.evaluate(MEASURE, json.dumps(given))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=40_000)
    chosen = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        print(f"Chromium {browser.version}")
        for units in UNITS:
            page = browser.new_page()
            seen = measure(page, units, chosen.samples, chosen.rounds)
            ours, theirs = (statistics.median(seen[name]) for name in ("ours", "theirs"))
            print(
                f"2-{units}-{units}-1: page {ours:,.0f} samples/s, peer {theirs:,.0f}: {ours / theirs:.1f}x"
                f" (losses {seen['loss']:.4f}, {seen['peerLoss']:.4f})"
            )
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
