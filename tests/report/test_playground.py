"""The page that trains, in headless Chromium: it trains, follows its controls, and leads back to ``neurosim run``."""

import importlib
import json
import re
import tomllib
from pathlib import Path
from urllib.parse import quote

import pytest

import neurosim
from neurosim.classroom.answers import collect
from neurosim.cli.application import execute
from neurosim.errors import DataError, UsageError
from neurosim.play.goals import Goals
from neurosim.problem.assembly import assemble
from neurosim.report.engine import asset
from neurosim.report.playground import playground
from neurosim.report.twin import DATASETS
from neurosim.scenario import load_scenario

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def page_of(folder, name, **overrides):
    scenario = load_scenario(name, overrides={key.replace("__", "."): value for key, value in overrides.items()})
    path = folder / "page.html"
    path.write_text(playground(scenario, assemble(scenario)), encoding="utf-8")
    return path


@pytest.fixture
def moons(opened, tmp_path):
    return opened(page_of(tmp_path, "moons"))


def button(page, name):
    return page.page.get_by_role("button", name=name, exact=True)


def clock(page, text):
    """Wait until the clock says what matches."""
    page.page.locator(".clock").filter(has_text=re.compile(text)).wait_for()


def test_it_trains_until_it_is_paused(moons):
    clock(moons, "step 0$")
    button(moons, "Step").click()
    clock(moons, "step 1$")
    button(moons, "Epoch").click()
    clock(moons, "epoch 1, step")
    button(moons, "Train").click()
    clock(moons, "epoch [1-9]\\d")
    button(moons, "Pause").click()
    button(moons, "Train").wait_for()
    button(moons, "Reset").click()
    clock(moons, "step 0$")


# Whether a page may have the smallest module of WebAssembly.
MACHINE_CODE = """
() => {
  try {
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    return true;
  } catch (error) {
    return !(error instanceof WebAssembly.CompileError);
  }
}
"""


def test_where_machine_code_is_forbidden_javascript_trains(opened, moons, tmp_path):
    assert moons.page.evaluate(MACHINE_CODE)
    (tmp_path / "strict").mkdir()
    path = page_of(tmp_path / "strict", "moons")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(" 'wasm-unsafe-eval'", ""), encoding="utf-8")
    strict = opened(path)
    assert not strict.page.evaluate(MACHINE_CODE)
    button(strict, "Epoch").click()
    clock(strict, "epoch 1,")


def test_the_slider_leads_back_and_training_goes_on_to_another_future(moons):
    button(moons, "Epoch").click()
    clock(moons, "epoch 1,")
    button(moons, "Epoch").click()
    clock(moons, "epoch 2,")
    shown = moons.page.locator(".measures").text_content()
    slider = moons.page.get_by_label("Step to go back to")
    slider.fill("3")
    clock(moons, "step 3$")
    assert moons.page.locator(".measures").text_content() != shown
    # The future is still there: forward again it is the same.
    slider.fill(slider.get_attribute("max"))
    clock(moons, "epoch 2,")
    assert moons.page.locator(".measures").text_content() == shown
    slider.fill("3")
    clock(moons, "step 3$")
    lines = moons.page.locator("svg[aria-label^=Losses] path")
    before = lines.count()
    moons.page.get_by_label("Learning rate").select_option(label="0.3")
    button(moons, "Epoch").click()
    clock(moons, "epoch 1,")
    assert lines.count() == 2 * before


@pytest.mark.ci
@pytest.mark.parametrize("name", ["xor", "spirals", "iris", "sine"])
def test_what_it_downloads_is_run_to_the_same_loss(name, opened, tmp_path):
    page = opened(page_of(tmp_path, name, training__epochs=2))
    page.page.get_by_label("Learning rate").select_option(label="0.003")
    button(page, "Epoch").click()
    clock(page, "epoch 1,")
    button(page, "Epoch").click()
    clock(page, "epoch 2,")
    with page.page.expect_download() as download:
        button(page, "Download scenario.toml").click()
    download.value.save_as(tmp_path / "scenario.toml")
    result = neurosim.run(tmp_path / "scenario.toml", backend="reference", out=tmp_path / "run")
    shown = page.page.locator(".measures dd").first.text_content().split(",")[0]
    loss = result.simulator.evaluate("train")["loss"]
    assert float(shown) == pytest.approx(loss, rel=5e-3)


def test_settings_that_are_changed_less_often_are_those_of_the_scenario(opened, tmp_path):
    found = opened(page_of(tmp_path, "moons", training__epochs=1))
    page = found.page
    page.get_by_text("More settings").click()
    for label, value in {"Dropout": "0.2", "Normalization": "batch norm", "Initial weights": "he normal"}.items():
        page.get_by_label(label).select_option(label=value)
    page.get_by_label("Function of layer 2").select_option(label="tanh")
    page.get_by_label("beta1").fill("0.8")
    page.keyboard.press("Enter")
    button(found, "Epoch").click()
    clock(found, "epoch 1,")
    with page.expect_download() as download:
        button(found, "Download scenario.toml").click()
    download.value.save_as(tmp_path / "scenario.toml")
    scenario = load_scenario(tmp_path / "scenario.toml")
    kinds = [table["kind"] for table in tomllib.loads(scenario.to_toml())["network"]["layers"]]
    assert kinds == ["dense", "batch_norm", "dropout", "dense", "batch_norm", "dropout", "dense"]
    result = neurosim.run(scenario, backend="reference", out=tmp_path / "run")
    shown = page.locator(".measures dd").first.text_content().split(",")[0]
    assert float(shown) == pytest.approx(result.simulator.evaluate("train")["loss"], rel=5e-3)


@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("digits-cnn", {}, r"network\.layers\.0 \(conv2d\)"),
        ("moons", {"training.batch_schedule": "epoch_decay"}, "batch_schedule"),
        ("moons", {"network.layers.0.frozen": True}, "frozen layers"),
    ],
)
def test_what_it_cannot_train_is_said(name, overrides, said):
    scenario = load_scenario(name, overrides=overrides)
    with pytest.raises(UsageError, match=said):
        playground(scenario, assemble(scenario))


@pytest.mark.ci
def test_the_benchmark_measures_two_that_learn(browser, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    benchmark = importlib.import_module("playground")
    page = browser.new_page()
    found = benchmark.measure(page, 8, 8000, 1)
    page.close()
    assert max(found["losses"]) < 0.4
    assert found["apart"] < 1e-9
    assert {name: len(rates) for name, rates in found["found"].items()} == {"page": 1, "javascript": 1, "peer": 1}


def test_the_command_writes_a_page(tmp_path, capsys):
    assert execute(["play", "spirals", "--page", str(tmp_path / "new" / "spirals.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'new' / 'spirals.html'}\n"
    assert (tmp_path / "new" / "spirals.html").stat().st_size < 400_000


def test_a_page_with_pictures_of_mnist_is_small_enough_to_send():
    scenario = load_scenario("mnist-quick", overrides={"data.samples": 800, "data.test_samples": 200})
    try:
        problem = assemble(scenario)
    except DataError:
        pytest.skip("MNIST has not been fetched")
    assert len(playground(scenario, problem).encode()) < 1_500_000


def test_points_are_drawn_and_lead_to_a_table(moons, tmp_path):
    moons.page.get_by_label("Draw points").select_option(label="class 1")
    answer = moons.page.locator("canvas.answer")
    answer.click(position={"x": 40, "y": 60})
    answer.click(position={"x": 60, "y": 60})
    clock(moons, "step 0$")

    def named(name):
        return lambda download: download.suggested_filename == name

    with (
        moons.page.expect_download(named("scenario.toml")) as first,
        moons.page.expect_download(named("points.csv")) as second,
    ):
        button(moons, "Download scenario.toml").click()
    for download in (first.value, second.value):
        download.save_as(tmp_path / download.suggested_filename)
    rows = (tmp_path / "points.csv").read_text().splitlines()
    assert rows[0] == "x1,x2,class"
    assert rows[-1].endswith(",1")
    neurosim.run(
        tmp_path / "scenario.toml", backend="reference", overrides={"training.epochs": 1}, out=tmp_path / "run"
    )


def test_a_table_of_ones_own(moons):
    text = "height;width;kind\n1;2;oak\n2;1;elm\n1.5;2;oak\n3;1;elm\n1;2.5;ash\n2;2;ash\n2;5;oak\n2;4;elm\n2;4.5;ash\n"
    chooser = moons.page.get_by_label("Your table (.csv) or scenario (.toml)")
    chooser.set_input_files({"name": "trees.csv", "mimeType": "text/csv", "buffer": text.encode()})
    moons.page.get_by_text("class elm").wait_for()
    button(moons, "Epoch").click()
    clock(moons, "epoch 1,")
    chooser = moons.page.get_by_label("Your table (.csv) or scenario (.toml)")
    chooser.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\nx,3\n2,2\n"})
    moons.page.get_by_role("alert").filter(has_text='line 3, column a: "x" is no number').wait_for()
    wrong = {
        "1,2,0\n3,4,1\n5,6,0\n": "numbers where the names should be",
        "a,a,b\n1,2,x\n3,4,y\n": 'two of its columns are called "a"',
        "a,b\n1,x\n2,x\n": 'the target, is "x" in all rows',
    }
    for text, said in wrong.items():
        chooser = moons.page.get_by_label("Your table (.csv) or scenario (.toml)")
        chooser.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": text.encode()})
        moons.page.get_by_role("alert").filter(has_text=said).wait_for()


def test_a_lesson_asks_before_it_trains_and_keeps_the_answers(opened, tmp_path):
    page = opened(page_of(tmp_path, "try-hidden-units"))
    clock(page, "step 0 . answer what comes before training")
    assert button(page, "Train").is_disabled()
    assert page.page.get_by_label("Optimizer").count() == 0  # it is not among the controls of the lesson
    page.page.get_by_label("Answer 1").fill("3")
    button(page, "Answer").first.click()
    page.page.get_by_text("That is right. A triangle has three sides").wait_for()
    assert button(page, "Train").is_enabled()
    page.page.get_by_label("Answer 3").select_option(label="Nothing is learned")
    button(page, "Answer").last.click()
    page.page.get_by_label("Your name").fill("Ann")
    with page.page.expect_download() as download:
        button(page, "Download answers").click()
    download.value.save_as(tmp_path / "class" / "ann.json")
    found = collect(tmp_path / "class", "try-hidden-units", load_scenario("try-hidden-units").play.questions)
    assert [(answers.name, answers.right, answers.fault) for answers in found] == [
        ("Ann", (True, None, False, None), "")
    ]


@pytest.mark.ci
def test_a_goal_that_is_reached_on_the_page_is_reached_again(opened, tmp_path):
    page = opened(page_of(tmp_path, "xor"))
    for units in (5, 4, 3):
        button(page, "One unit less in layer 1").click()
        page.page.get_by_text(f"{units} units").wait_for()
    page.page.get_by_label("Speed").select_option(label="30 steps a second")
    page.page.get_by_label("Learning rate").select_option(label="0.3")
    button(page, "Reset").click()
    button(page, "Train").click()
    page.page.get_by_text("Reached at step").wait_for()
    with page.page.expect_download() as download:
        button(page, "Download answers").click()
    scenario = load_scenario("xor")
    entry = json.loads(Path(download.value.path()).read_text())["answers"][-1]
    goals = Goals(scenario, assemble(scenario), DATASETS)
    assert entry["units"] == 3
    assert goals.reached("ann.json", scenario.play.questions[-1], entry)
    assert not goals.reached("ann.json", scenario.play.questions[-1], {**entry, "step": 1})


def test_a_lesson_has_only_the_controls_that_it_names(opened, tmp_path):
    page = opened(page_of(tmp_path, "moons", play__controls=["layers", "speed"])).page
    page.get_by_text("More settings").click()
    names = page.locator(".field").evaluate_all("nodes => nodes.map((node) => node.firstChild.textContent)")
    assert names == ["Speed", "Dropout", "Normalization", "Your name"]
    page.get_by_role("button", name="unit 1 of layer 1", exact=True).click()
    page.get_by_label("Weight from x1").wait_for()
    assert not page.get_by_label("Weight from x1").is_editable()
    page.evaluate(
        """() => {
            const files = new DataTransfer();
            files.items.add(new File(["a,b,c\\n1,2,x\\n2,1,y"], "own.csv"));
            window.dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
        }"""
    )
    page.get_by_label("Dropout").select_option(label="0.2")
    page.get_by_text("dropout 0.2").first.wait_for()
    assert page.get_by_text("own.csv").count() == 0


def test_hidden_layers_come_and_go_with_what_follows_them(moons):
    page = moons.page
    page.get_by_text("More settings").click()
    page.get_by_label("Dropout").select_option(label="0.2")
    page.get_by_label("Normalization").select_option(label="batch norm")

    def columns():
        return page.locator(".column:not(.inputs)").evaluate_all("nodes => nodes.map((node) => node.textContent)")

    first = columns()
    assert [words for words in first if words in {"batch norm", "dropout 0.2"}] == 2 * ["batch norm", "dropout 0.2"]
    button(moons, "One hidden layer more").click()
    assert len(columns()) == len(first) + 3
    button(moons, "One hidden layer less").click()
    assert columns() == first
    for _ in range(3):
        button(moons, "One hidden layer less").click()
    assert len(columns()) == 1
    clock(moons, "step 0$")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digits-cnn"], "Or watch it here: neurosim play digits-cnn --engine cpu"),
        (["xor", "--engine", "cpu", "--page", "xor.html"], "leave out --engine"),
    ],
)
def test_the_command_says_where_the_engine_is_needed(words, said, capsys):
    assert execute(["play", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_scenario_is_opened(moons):
    scenarios = Path(__file__).parents[2] / "scenarios"
    chooser = moons.page.get_by_label("Your table (.csv) or scenario (.toml)")
    chooser.set_input_files(scenarios / "spirals.toml")
    moons.page.get_by_role("alert").filter(has_text="spirals.toml is open; the page leaves out").wait_for()
    assert moons.page.get_by_label("Data set").evaluate("node => node.selectedOptions[0].text") == "spirals"
    assert moons.page.get_by_text("32 units").count() == 2
    button(moons, "Epoch").click()
    clock(moons, "epoch 1,")
    moons_text = (scenarios / "moons.toml").read_text()
    wrong = {
        "iris": ((scenarios / "iris.toml").read_text(), r"its data \(iris\) are not on this page"),
        "empty": ('[data]\nsource = "moons"', r"it has no section \[network\]"),
        "broken": ("[data]\nsource = moons", "line 2: this value cannot be read"),
        "many": (moons_text.replace("samples = 400", "samples = 1e9"), "samples is a whole number from 1 to 20,000"),
        "words": (moons_text.replace("units = 16", 'units = "a"'), "units is a whole number from 1 to 4,096 here"),
        "other": (moons_text.replace('"relu"', '"mine"'), "the page has no activation mine"),
    }
    for name, (text, said) in wrong.items():
        chooser = moons.page.get_by_label("Your table (.csv) or scenario (.toml)")
        chooser.set_input_files({"name": f"{name}.toml", "mimeType": "text/plain", "buffer": text.encode()})
        moons.page.get_by_role("alert").filter(has_text=re.compile(said)).wait_for()


@pytest.mark.parametrize(
    "changes",
    [{"network.layers": 3}, {"data.samples": -5}, {"optimizer.name": "mine"}, {"network.layers": [{"kind": "mine"}]}],
)
def test_an_address_that_cannot_be_followed_leaves_the_scenario_as_it_is(changes, opened, tmp_path):
    page = opened(page_of(tmp_path, "moons")).page
    page.goto(f"{page.url}#{quote(json.dumps(changes))}")
    page.get_by_role("alert").filter(has_text="The address asks for what the page cannot do").wait_for()
    page.locator(".clock").filter(has_text="step 0").wait_for()


def test_every_scenario_is_read_as_python_reads_it(browser):
    page = browser.new_page()
    files = sorted((Path(__file__).parents[2] / "scenarios").rglob("*.toml"))
    texts = [file.read_text() for file in files]
    found = page.evaluate(f"texts => {{ {asset('play/opening.js')}; return texts.map(readToml); }}", texts)
    page.close()
    assert len(files) > 30
    assert found == [tomllib.loads(text) for text in texts]
