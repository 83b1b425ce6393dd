"""Take the picture that ``docs/many.md`` shows: of the page about a ranking, in headless Chromium.

    python docs/ranking_pictures.py

Playwright and Chromium have to be there. The picture goes to ``docs/pictures``.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from few_colors import keep
from playwright.sync_api import sync_playwright
from readme_pictures import COLORS, HERE, neurosim

OVER = (
    "optimizer.lr=log(1e-3,10)", "network.layers.0.units=int(2,32)", "network.layers.0.activation=tanh,relu,sigmoid",
    "optimizer.name=sgd,adam",
)  # fmt: skip
SCREEN = {"width": 1180, "height": 1000}
# Down to the first rows of the table.
SHOWN_HEIGHT = 1290


def main() -> None:
    """Sweep, and keep the picture."""
    chromium = shutil.which("chromium") or sys.exit("Chromium is not there")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        varied = [word for setting in OVER for word in ("--over", setting)]
        few = ("--sobol", "64", "--seeds", "5", "--set", "training.epochs=15")
        neurosim("sweep", "moons", *varied, *few, "--out", f"{folder}/moons-sweep")
        neurosim("rank", f"{folder}/moons-sweep", "--page", f"{folder}/ranking.html")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport=SCREEN, color_scheme="light")
            page.goto((folder / "ranking.html").as_uri())
            canvas = page.locator(".coordinates canvas").last
            box = canvas.bounding_box()
            page.mouse.move(box["x"] + box["width"] - 84, box["y"] + 40)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] - 84, box["y"] + 125, steps=4)
            page.mouse.up()
            page.mouse.move(0, 0)
            clip = {"x": 0, "y": 0, "width": SCREEN["width"], "height": SHOWN_HEIGHT}
            page.screenshot(path=folder / "page.png", full_page=True, clip=clip)
            browser.close()
        keep(folder / "page.png", HERE / "moons-ranking.png", COLORS)


if __name__ == "__main__":
    main()
