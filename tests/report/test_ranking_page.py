"""The page about a ranking: sorted, limited by mouse and keyboard, and every point leads to its run."""

from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pytest

from neurosim.printable import quoted
from neurosim.report.ranking_page import ranking_page
from neurosim.sweeps.entries import Entry
from neurosim.sweeps.importance import Importance, importance
from neurosim.sweeps.leaderboard import page_data
from neurosim.sweeps.ranking import rank

HOSTILE = '</script><img src=x onerror=alert(1)>="&\u2028'
NOTHING = Importance({}, None, "Nothing is said here.")


def table_of(folder, count=30, seeds=3):
    """Networks with four settings, one of them with a hostile name; the largest rate fails."""
    draw = np.random.default_rng(3)
    runs = []
    for number in range(count):
        settings = {
            "optimizer.lr": float(f"{10 ** (-4 + 4 * number / count):.6g}"),
            "network.layers.0.units": int(draw.integers(2, 40)),
            "optimizer.name": ("sgd", "adam", HOSTILE)[number % 3],
            "network.layers.0.sizes": [number % 2, 1],
        }
        for seed in range(seeds):
            reason = "the loss is not finite" if number == count - 1 else ""
            final = {} if reason else {"test_loss": 0.01 + 0.1 * abs(number - 10) + 0.001 * seed}
            run = folder / "runs of a#b%" / f"{number}-{seed}"
            runs.append(Entry(settings, seed, final, 10 * number, 0.1, run, reason, multiply_adds=number))
    return rank(runs)


def written(folder, table, found=NOTHING):
    path = folder / "pages" / "ranking.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(ranking_page(f"Ranking {HOSTILE}", page_data(table, found, path.parent)), encoding="utf-8")
    return path


def violations(found):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return axe.run(found.page).generate_report()


def ranks(found):
    return [int(text.split()[1]) for text in found.place("#table tbody th").all_text_contents()]


def test_limits_and_order(opened, tmp_path):
    found = opened(written(tmp_path, table_of(tmp_path)))
    page = found.page
    assert ranks(found) == list(range(1, 26))
    page.get_by_role("button", name="Show 5 more of 30 rows").click()
    page.get_by_role("button", name="lr", exact=True).click()
    # The smallest rate is the tenth from the best one.
    assert ranks(found)[-1] == 30
    page.get_by_role("button", name="lr", exact=True).click()
    assert ranks(found)[0] == 30
    # By keyboard.
    page.locator("summary", has_text="Limits").click()
    page.get_by_label("sgd").focus()
    page.keyboard.press("Space")
    page.get_by_text("60 of 90 trials are within the limits.").wait_for()
    page.get_by_label("test loss: lowest").focus()
    page.keyboard.press("ArrowRight")
    # What has failed lies beneath the lowest.
    page.get_by_text("57 of 90 trials are within the limits.").wait_for()
    assert page.get_by_label("test loss: lowest").get_attribute("aria-valuetext") != "failed"
    assert 30 not in ranks(found)
    page.get_by_role("button", name="Clear limits").click()
    page.get_by_text("90 of 90 trials are within the limits.").wait_for()
    # By mouse: the upper half of the first axis, where the rates are.
    canvas = found.place(".coordinates canvas").last
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, top = box["x"] + 34, box["y"] + 52
    page.mouse.move(x, top - 4)
    page.mouse.down()
    page.mouse.move(x, top + (box["height"] - 74) / 2 + 1, steps=3)
    page.mouse.up()
    page.get_by_text("45 of 90 trials are within the limits.").wait_for()
    assert len(ranks(found)) == 15
    page.mouse.click(x, top + 20)
    page.get_by_text("90 of 90 trials are within the limits.").wait_for()


def test_every_point_leads_to_its_run(opened, tmp_path):
    table = table_of(tmp_path)
    best, second, third = (entry.folder for entry in table.places[0].entries)
    for folder in (best, second):
        folder.mkdir(parents=True)
    (best / "report.html").write_text("")
    found = opened(written(tmp_path, table))
    page = found.page
    page.get_by_role("button", name="Runs of rank 1", exact=True).click()
    links = found.place("#table .runs a").evaluate_all("nodes => nodes.map((node) => node.href)")
    paths = [Path(unquote(urlparse(link).path)) for link in links]
    # The command makes the folder where there is none yet.
    assert paths == [best / "report.html", second]
    commands = found.place("#table .runs code").all_text_contents()
    assert commands == [f"neurosim report {quoted(folder)}" for folder in (second, third)]
    # A line: the only trial that fails goes to the bottom of the last axis.
    canvas = found.place(".coordinates canvas").last
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 84 - 20, box["y"] + box["height"] - 22 - 12)
    page.get_by_text("Rank 30, seed").wait_for()
    assert "the loss is not finite" in found.place(".chosen").text_content()


@pytest.mark.ci
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_nothing_stands_in_the_way_of_anyone(width, scheme, opened, tmp_path):
    pytest.importorskip("sklearn")
    table = table_of(tmp_path)
    found = opened(written(tmp_path, table, importance(table)), color_scheme=scheme)
    found.page.set_viewport_size({"width": width, "height": 800})
    found.page.get_by_role("button", name="Runs of rank 2", exact=True).click()
    for name in ("Axes", "Limits"):
        found.page.locator("summary", has_text=name).click()
    assert violations(found).startswith("Found 0")
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    # Four bars, of which that of the rate is the widest.
    widths = found.place("#bars rect").evaluate_all("nodes => nodes.map((node) => Number(node.getAttribute('width')))")
    assert (len(widths), widths[0]) == (4, 100)


@pytest.mark.parametrize("failed", [False, True])
def test_a_single_trial(failed, opened, tmp_path):
    final, reason = ({}, "the loss is not finite") if failed else ({"test_accuracy": 1.0}, "")
    found = opened(written(tmp_path, rank([Entry({}, 0, final, reason=reason)])))
    assert ranks(found) == [1]
    assert found.place("#coordinates").count() == 0
    assert found.place("header").get_by_text("All of them failed." if failed else "Only one seed").count() == 1


@pytest.mark.ci
def test_many_trials_are_all_there_or_it_is_said(opened, tmp_path):
    page = opened(written(tmp_path, table_of(tmp_path, 1000, 10))).page
    page.get_by_text("10,000 of 10,000 trials are within the limits.").wait_for()
    data = page_data(table_of(tmp_path, 5100, 5), NOTHING, tmp_path)
    assert (len(data["rows"]), len(data["trials"]["row"])) == (5000, 12500)
    assert data["remarks"] == [
        "The page has the best 5,000 of 5,100 rows.",
        "Of 25,500 trials, 12,500 are shown, evenly chosen; means, intervals and tests are of all.",
    ]


def test_axes_are_logarithmic_where_the_values_are():
    kinds = {
        "log": [[1e-4, 1e-3, 1e-2], [1, 2, 4, 8], [0, 1e-5, 1e-4, 1e-3], list(np.geomspace(1e-3, 1, 50))],
        "number": [[1, 2, 3], [0, 1, 100], [1e-3, 1], list(np.linspace(0.01, 1, 50)), list(np.linspace(1, 1.01, 3000))],
        "category": [["a", 1], [True, False], [[1], [2]]],
    }
    for kind, lists in kinds.items():
        for values in lists:
            table = rank([Entry({"x": value, "y": number}, 0, {"test_loss": 1}) for number, value in enumerate(values)])
            axes = {axis["name"]: axis["kind"] for axis in page_data(table, NOTHING, Path())["axes"]}
            assert axes["x"] == kind, values
