"""Take the pictures of ``docs/playground.md``: of the page that trains, in headless Chromium.

    python docs/playground_pictures.py

Playwright and Chromium have to be there. The pictures go to ``docs/pictures``.
"""

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from few_colors import keep
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from readme_pictures import COLORS, HERE, neurosim

SCREEN = {"width": 1280, "height": 720}
# What is shown of the screen: all down to the slider.
SHOWN = {"x": 0, "y": 0, "width": 1280, "height": 704}
# The film: how many epochs are between its frames, their width and colors, and how long each is shown.
EPOCHS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 10, 10, 20, 40]
WIDTH = 860
FEW = 64
LONG = 450
LAST = 2500
# A seven, as shares of the place where one draws.
SEVEN = [(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]


def opened(browser: Browser, folder: Path, scenario: str) -> Page:
    """The page of a scenario, before its training."""
    file = folder / f"{scenario}.html"
    neurosim("play", scenario, "--page", str(file))
    page = browser.new_page(viewport=SCREEN, color_scheme="light")
    page.goto(file.as_uri())
    return page


def epochs(page: Page, count: int) -> None:
    """Train, and wait until it is drawn."""
    for _ in range(count):
        before = page.locator(".clock").text_content()
        page.get_by_role("button", name="Epoch", exact=True).click()
        page.wait_for_function("before => document.querySelector('.clock').textContent !== before", arg=before)


def frames(page: Page) -> Iterator[Image.Image]:
    """The page, further on in each."""
    for count in EPOCHS:
        epochs(page, count)
        page.mouse.move(0, 0)
        with Image.open(io.BytesIO(page.screenshot(clip=SHOWN))) as shot:
            yield shot.convert("RGB").resize(
                (WIDTH, WIDTH * SHOWN["height"] // SHOWN["width"]), Image.Resampling.LANCZOS
            )


def film(page: Page, target: Path) -> None:
    """Spirals, from the first step until they are told apart."""
    shown = list(frames(page))
    # One palette, from the last frame: what does not move is not written again.
    palette = shown[-1].quantize(FEW, Image.Quantize.MAXCOVERAGE, kmeans=1)
    few = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in shown]
    times = [LONG] * (len(few) - 1) + [LAST]
    few[0].save(target, save_all=True, append_images=few[1:], duration=times, loop=0, optimize=True)


def numbers(page: Page, target: Path) -> None:
    """The numbers of one step, of the second unit of moons' first layer."""
    epochs(page, 5)
    page.get_by_role("button", name="unit 2 of layer 1", exact=True).click()
    page.locator(".lines dt").first.wait_for()
    page.locator("section.unit").screenshot(path=target)


def digit(page: Page, target: Path) -> None:
    """A digit drawn by hand."""
    epochs(page, 5)
    box = page.locator(".pad canvas").bounding_box()
    for place, (right, down) in enumerate(SEVEN):
        page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"], steps=8)
        if place == 0:
            page.mouse.down()
    page.mouse.up()
    page.mouse.move(0, 0)
    page.screenshot(path=target, clip=SHOWN)


def main() -> None:
    """Write the pages and keep their pictures."""
    chromium = shutil.which("chromium") or sys.exit("Chromium is not there")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        film(opened(browser, folder, "spirals"), HERE / "play-spirals.gif")
        numbers(opened(browser, folder, "moons"), folder / "numbers.png")
        digit(opened(browser, folder, "digits"), folder / "digit.png")
        browser.close()
        keep(folder / "numbers.png", HERE / "play-numbers.png", COLORS)
        keep(folder / "digit.png", HERE / "play-digit.png", COLORS)


if __name__ == "__main__":
    main()
