"""Inputs made of the features on the page that trains: its controls, its map, its address and its scenario."""

import json
import re
import tomllib
from urllib.parse import quote

import numpy as np
import pytest

import neurosim
from neurosim.problem.assembly import assemble
from neurosim.report.engine import asset
from neurosim.report.playground import playground
from neurosim.scenario import load_scenario


def page_of(folder, scenario):
    path = folder / "page.html"
    path.write_text(playground(scenario, assemble(scenario)), encoding="utf-8")
    return path


def epochs(page, count):
    for _ in range(count):
        page.get_by_role("button", name="Epoch", exact=True).click()
    page.locator(".clock").filter(has_text=re.compile(f"epoch {count},")).wait_for()


def test_inputs_are_ticked_trained_with_linked_to_and_downloaded(opened, tmp_path):
    found = opened(page_of(tmp_path, load_scenario("moons", overrides={"training.epochs": 1})))
    page = found.page
    for name in ("x1²", "x1 · x2"):
        page.get_by_role("checkbox", name=name).check()
    page.get_by_role("checkbox", name="x2", exact=True).focus()
    page.keyboard.press("Space")
    tiles = page.get_by_role("group", name="Inputs").get_by_role("button")
    names = [tiles.nth(k).get_attribute("aria-label") for k in range(tiles.count())]
    assert names == ["x1", "x1^2", "x1*x2"]
    epochs(page, 1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download scenario.toml").click()
    download.value.save_as(tmp_path / "scenario.toml")
    assert tomllib.loads((tmp_path / "scenario.toml").read_text(encoding="utf-8"))["data"]["inputs"] == names
    result = neurosim.run(tmp_path / "scenario.toml", backend="reference", out=tmp_path / "run")
    shown = page.locator(".measures dd").first.text_content().split(",")[0]
    assert float(shown) == pytest.approx(result.simulator.evaluate("train")["loss"], rel=5e-3)
    # A link restores them, and what is ticked alone cannot be taken away.
    page.reload()
    assert page.get_by_role("checkbox", name="x1²").is_checked()
    for name in ("x1", "x1²"):
        page.get_by_role("checkbox", name=name, exact=True).uncheck()
    assert page.get_by_role("checkbox", name="x1 · x2").is_disabled()


def test_inputs_of_a_scenario_are_made_as_python_makes_them(opened, tmp_path):
    """Those that the page does not offer, too: it stays with them whatever is ticked."""
    own = ["exp(x1)/2 - x2", "tanh(sqrt(abs(x1)))^3", "log(1 + x2**2)*cos(x1)", "-(x1 - 0.5)"]
    scenario = load_scenario("moons", overrides={"data.inputs": own})
    data = assemble(scenario).data
    page = opened(page_of(tmp_path, scenario)).page
    raw = data.raw(data.train)
    steps = [[list(step) for step in steps] for steps in data.made.steps]
    each = f"([steps, rows]) => {{ {asset('making.js')}; return rows.map((row) => madeInputs(steps, row)); }}"
    made = np.array(page.evaluate(each, [steps, raw.tolist()]))
    np.testing.assert_allclose(made, data.made.of(raw), rtol=1e-12, atol=1e-12)
    page.get_by_role("checkbox", name="x2", exact=True).check()
    names = page.get_by_role("group", name="Inputs").get_by_role("button")
    assert [names.nth(k).get_attribute("aria-label") for k in range(5)] == ["x2", *own]
    epochs(page, 1)


@pytest.mark.ci
def test_addresses_with_other_inputs_change_nothing(opened, tmp_path):
    path = page_of(tmp_path, load_scenario("moons"))
    page = opened(path).page
    for inputs in ('["x3"]', '"x1"', "[]", '["x1","x1"]', "[null]", '["constructor"]'):
        page.goto("about:blank")
        page.goto(f"{path.as_uri()}#{quote(json.dumps({'data.inputs': json.loads(inputs)}))}")
        page.get_by_role("alert").filter(has_text="asks for what the page cannot do").wait_for()
        assert page.get_by_role("checkbox", name="x2", exact=True).is_checked()


def test_a_table_of_two_features_from_a_file_is_drawn_over_them(opened, tmp_path):
    rows = "\n".join(f"{k % 7},{k % 5 - 2},{'in' if k % 7 > 2 else 'out'}" for k in range(40))
    (tmp_path / "own.csv").write_text(f"living area,b,where\n{rows}\n", encoding="utf-8")
    inputs = ["`living area`^2", "b", "sin(b)"]
    sections = {
        "scenario": {"name": "own", "title": "Own"},
        "data": {"source": "csv", "file": str(tmp_path / "own.csv"), "target": "where", "inputs": inputs},
        "network": {"loss": "binary_cross_entropy", "layers": [{"kind": "dense", "units": 1, "activation": "sigmoid"}]},
        "optimizer": {"name": "adam"},
        "training": {"epochs": 2, "batch_size": 8},
    }  # fmt: skip
    page = opened(page_of(tmp_path, neurosim.scenario(sections))).page
    epochs(page, 1)
    assert page.locator("canvas.answer").is_visible()
    assert page.get_by_role("checkbox", name="b", exact=True).count() == 0
