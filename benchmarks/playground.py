"""The engine of the page that trains, beside the algorithm of TensorFlow Playground; both in one headless Chromium.

python benchmarks/playground.py [--rounds 5]: samples a second of either, in turns, medians, for two hidden layers of 8
and of 32 units of tanh, batches of 10, squared error. First the page's machine code is held against its JavaScript, to
1e-9, and both peers have to learn. Then a page trains as fast as it can, and its drawings in a second are counted: each
has the answer over 100 x 100 points, and a tile for each unit.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import tomllib
from pathlib import Path

import neurosim
from neurosim.formulas.javascript import Script
from neurosim.problem.assembly import assemble
from neurosim.report.engine import engine
from neurosim.report.playground import playground
from neurosim.report.twin import catalog, splits

PEER = Path(__file__).with_name("playground_peer.js")
UNITS = (8, 32)
MEASURE = """
(text) => {
  const { scenario, known, given, units, samples, rounds, targets, rows } = JSON.parse(text);
  const { Rows, Trainer } = engine();
  const train = new Rows(given.train, 2);
  const [trainer, plain] = [true, false].map((quick) => new Trainer(scenario, { train }, 2, known, quick));
  const peer = peerNetwork([2, units, units, 1]);
  const train_ = (own, count) => {
    for (let step = 0; step < count / 10; step += 1) own.step();
  };
  for (const own of [trainer, plain]) train_(own, 10000);
  const apart = trainer.network.values.map((x, k) => Math.abs(x - plain.network.values[k]) / (1 + Math.abs(x)));
  const contenders = {
    page: [4 * samples, (count) => train_(trainer, count)],
    javascript: [samples, (count) => train_(plain, count)],
    peer: [samples, (count) => peerTrain(peer, rows, targets, count, 10, 0.03)],
  };
  const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, [count, work]] of Object.entries(contenders)) {
      const start = performance.now();
      work(count);
      if (round >= 0) found[name].push((1000 * count) / (performance.now() - start));
    }
  }
  const off = rows.map((row, k) => (peerForward(peer, row) - targets[k]) ** 2);
  const losses = [trainer.evaluate("train").loss, off.reduce((sum, x) => sum + x, 0) / off.length];
  return { found, losses, apart: Math.max(...apart), made: trainer.network.machine !== null };
}
"""
# A page asks its worker for more whenever it has drawn.
COUNT = """
window.drawn = 0;
const send = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...rest) {
  if (message.do === "more") window.drawn += 1;
  send.call(this, message, ...rest);
};
"""
NOW = """
() => {
  const [, steps] = /step ([\\d,]+)/.exec(document.querySelector(".clock").textContent);
  return [window.drawn, Number(steps.replaceAll(",", "")), performance.now() / 1000];
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
    """Samples a second of the page's engine, with machine code and without, and of its peer, in each round."""
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
    seen = page.evaluate(MEASURE, json.dumps(given))
    if not seen["made"] or seen["apart"] > 1e-9:
        raise SystemExit(f"not valid: machine code {seen['made']}, apart by {seen['apart']:.1e}")
    if max(seen["losses"]) > 0.4:
        raise SystemExit(f"not valid: losses {seen['losses']}")
    return seen


def redraws(page, units, seconds):
    """Drawings a second of a page of its own, and the steps that its worker takes beside them."""
    scenario, problem = problem_of(units)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.html")
        path.write_text(playground(scenario, problem), encoding="utf-8")
        page.add_init_script(COUNT)
        page.goto(path.as_uri())
        page.get_by_role("button", name="Train", exact=True).click()
        page.wait_for_timeout(2000)
        before = page.evaluate(NOW)
        page.wait_for_timeout(1000 * seconds)
        drawn, steps, passed = (after - first for after, first in zip(page.evaluate(NOW), before, strict=True))
    return drawn / passed, steps / passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=40_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    chosen = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        print(f"Chromium {browser.version}")
        for units in UNITS:
            page = browser.new_page()
            seen = measure(page, units, chosen.samples, chosen.rounds)
            page.close()
            ours, plain, theirs = (statistics.median(seen["found"][name]) for name in ("page", "javascript", "peer"))
            ours_, theirs_ = seen["losses"]
            print(
                f"2-{units}-{units}-1: page {ours:,.0f} samples/s, its JavaScript {plain:,.0f}, peer {theirs:,.0f}:"
                f" {ours / theirs:.1f}x (losses {ours_:.4f}, {theirs_:.4f}; apart by {seen['apart']:.0e})"
            )
            page = browser.new_page()
            drawn, steps = redraws(page, units, chosen.seconds)
            page.close()
            print(f"2-{units}-{units}-1: {drawn:.0f} drawings a second beside {steps:,.0f} steps a second")
        browser.close()


if __name__ == "__main__":
    main()
