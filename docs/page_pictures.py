"""Take the pictures that ``docs/reports.md`` shows: of a page in headless Chromium, and of a replay.

    python docs/page_pictures.py

Playwright and Chromium have to be there. The pictures go to ``docs/pictures``.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from few_colors import keep
from playwright.sync_api import sync_playwright
from readme_pictures import COLORS, HERE, neurosim

# Down to the end of the units.
SHOWN_HEIGHT = 1330


def take(page_file: Path, picture: Path) -> None:
    """The live part of a page, with the pointer at one place of the boundary."""
    chromium = shutil.which("chromium") or sys.exit("Chromium is not there")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1060, "height": 1000}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.locator(".timeline input").fill("20")
        box = page.locator("canvas.probed").bounding_box()
        page.locator("canvas.probed").hover(position={"x": 0.62 * box["width"], "y": 0.72 * box["height"]})
        # The headline is at the top of the page again, and the section below it.
        page.evaluate("window.scrollTo(0, 0)")
        section = page.locator("#watch").bounding_box()
        page.screenshot(path=picture, full_page=True, clip={**section, "height": SHOWN_HEIGHT})
        browser.close()


def main() -> None:
    """Run the scenarios and keep the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        neurosim("run", "spirals", "--quiet", "--out", f"{folder}/spirals")
        take(folder / "spirals" / "report.html", folder / "spirals-report.png")
        neurosim("run", "moons", "--quiet", "--out", f"{folder}/moons")
        changed = ("--from", "epoch:20", "--set", "optimizer.lr=0.3")
        neurosim("replay", f"{folder}/moons", *changed, "--json", "--out", f"{folder}/replay")
        shutil.copy(folder / "replay" / "replay.png", folder / "moons-replay.png")
        for picture in ("spirals-report.png", "moons-replay.png"):
            keep(folder / picture, HERE / picture, COLORS)


if __name__ == "__main__":
    main()
