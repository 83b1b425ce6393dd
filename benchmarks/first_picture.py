"""How long after it is opened a page that trains has its first picture, and how large its file is.

python benchmarks/first_picture.py [--rounds 11]: pages are opened as files in headless Chromium, each time in a profile
of its own, in turns; milliseconds from the beginning of loading to the mark that the page sets once the answer of the
network is drawn, as median and largest. MNIST, with 800 training and 200 test rows, is left out where it is not there.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import neurosim
from neurosim.errors import NeurosimError
from neurosim.problem.assembly import assemble
from neurosim.report.playground import playground

FEW = {"data.samples": 800, "data.test_samples": 200}
PAGES: dict[str, dict[str, object]] = {"spirals": {}, "xor": {}, "digits": {}, "mnist-quick": FEW}
MARK = """
() => new Promise((resolve) => {
  const look = () => {
    const [found] = performance.getEntriesByName("first picture");
    if (found) resolve(found.startTime);
    else requestAnimationFrame(look);
  };
  look();
})
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        files = {}
        for name, overrides in PAGES.items():
            try:
                scenario = neurosim.load_scenario(name, overrides=overrides)
                problem = assemble(scenario)
            except NeurosimError as error:
                print(f"{name}: left out: {error}")
                continue
            files[name] = Path(folder) / f"{name}.html"
            files[name].write_text(playground(scenario, problem), encoding="utf-8")
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        times: dict[str, list[float]] = {name: [] for name in files}
        for _ in range(rounds + 1):
            for name, file in files.items():
                context = browser.new_context()
                page = context.new_page()
                page.goto(file.as_uri())
                times[name].append(page.evaluate(MARK))
                context.close()
        browser.close()
        for name, (_, *found) in times.items():  # the first round starts the browser
            size = files[name].stat().st_size
            print(f"{name:12s} {statistics.median(found):6.0f} ms (largest {max(found):.0f}) {size / 1000:7,.0f} kB")


if __name__ == "__main__":
    main()
