"""The page in headless Chromium: it moves, it computes what the engine computes, it works with the keyboard."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from report_runs import move, trained, written

import neurosim
from neurosim.analysis.hidden import hidden_directions
from neurosim.formulas.javascript import Script
from neurosim.plugin import RowActivation

ASSETS = Path(neurosim.__file__).parent / "report" / "assets"
ACTIVATIONS = sorted(neurosim.build_registry([]).activations, key=lambda entry: entry.record.name)


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def test_the_slider_moves_everything(xor, opened):
    page = opened(xor[1])
    shown = {"canvas": [], "#watch .small svg": [], "#live svg": []}
    told = []
    for k in (0, 20, 40):
        move(page, k)
        told.append(page.place(".timeline output").text_content())
        for place, pictures in shown.items():
            pictures.append(page.place(place).last.screenshot())
    assert told[0] == "before training"
    assert told[2] == "after epoch 400"
    for place, pictures in shown.items():
        assert all(one != other for one, other in itertools.combinations(pictures, 2)), place


def test_gradients_and_curves_tell_the_recorded_numbers(xor, opened):
    result, path = xor
    page = opened(path)
    move(page, 20)
    shown = [number(text) for text in page.place("svg[aria-label^=Gradient] text.value").all_text_contents()]
    assert shown == pytest.approx(result.recording.values["gradient_norm"][20], rel=1e-5)
    curve = page.place("svg[aria-label^=Loss]")
    width = curve.bounding_box()["width"]
    # The right end of the axis: x from 52 to 448 of 460.
    curve.hover(position={"x": 448 / 460 * width, "y": 60})
    tip = page.place("#tip").text_content()
    assert "epoch 400" in tip
    assert number(tip.split("train ")[1]) == pytest.approx(result.history.train_loss[-1], rel=1e-5)
    # A click goes to the epoch.
    curve.click(position={"x": (52 + 99) / 460 * width, "y": 60})
    assert page.place(".timeline output").text_content() == "after epoch 100"


LAYERS = {
    "dense": "",
    "batch_norm": '[[network.layers]]\nkind = "batch_norm"\n',
    "layer_norm": '[[network.layers]]\nkind = "layer_norm"\n',
    "gated": '[[network.layers]]\nkind = "dense"\nunits = 12\n[[network.layers]]\nkind = "gated"\ngate = "swiglu"\n'
    '[[network.layers]]\nkind = "maxout"\npieces = 3\n',
    "residual": '[[network.layers]]\nkind = "residual"\n[[network.layers.layers]]\nkind = "dense"\nunits = 9\n'
    'activation = "gelu"\n[[network.layers.layers]]\nkind = "dense"\nunits = 5\n',
    "shortcut": '[[network.layers]]\nkind = "residual"\nlayers = [{ kind = "dense", units = 5 }]\n'
    'shortcut = [{ kind = "dense", units = 5, activation = "tanh" }, { kind = "batch_norm" }]\n'
    '[[network.layers]]\nkind = "concatenation"\nbranches = [[], [{ kind = "dense", units = 3 }, '
    '{ kind = "layer_norm" }]]\n',
    "learned": '[[network.layers]]\nkind = "dense"\nunits = 6\nactivation = { name = "prelu", per = "unit" }\n'
    '[[network.layers]]\nkind = "activation"\nactivation = "learnable_swish"\n',
    "dropout": '[[network.layers]]\nkind = "dropout"\nrate = 0.4\n[[network.layers]]\nkind = "activation"\n'
    'activation = "softplus"\n',
}
NETWORK = """
[scenario]
name = "n"
title = "A network"
[data]
source = "blobs"
samples = 90
classes = 3
standardize = true
[network]
loss = "categorical_cross_entropy"
[[network.layers]]
kind = "dense"
units = 7
activation = {{ name = "leaky_relu", alpha = 0.1 }}
{layers}
[[network.layers]]
kind = "dense"
units = 3
activation = "softmax"
[optimizer]
name = "adam"
lr = 0.02
[training]
epochs = 5
batch_size = 16
[record]
quantities = ["parameters"]
"""


@pytest.mark.parametrize("kind", LAYERS)
def test_units_under_the_pointer_are_those_of_the_engine(kind, tmp_path, opened):
    (tmp_path / "n.toml").write_text(NETWORK.format(layers=LAYERS[kind]))
    result = trained(tmp_path / "n.toml")
    page = opened(written(result, tmp_path))
    simulator, recording = result.simulator, result.recording
    box = page.place("canvas.probed").bounding_box()
    for k, (across, down) in zip((0, 3, 5), ((0.2, 0.3), (0.7, 0.6), (0.5, 0.9)), strict=True):
        move(page, k)
        page.page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        raw = [number(text.split(" = ")[1]) for text in page.place("#inputs li").all_text_contents()]
        kept = recording.parameters_at(k)
        simulator.set_parameters({name: kept[name] for name in simulator.parameters})
        if simulator.statistics:
            simulator.set_statistics({name: kept[name] for name in simulator.statistics})
        last = simulator.network.layers[-1].name
        shown = [number(text) for text in page.place(f"[data-layer='{last}'] li").all_text_contents()]
        output = simulator.forward(simulator.data.to_input(np.array([raw])))[0]
        # The inputs are shown with six digits, which the network may amplify.
        assert shown == pytest.approx(output, abs=2e-5)
        if not simulator.statistics:  # which inspect does not use
            seen = simulator.inspect(simulator.data.to_input(np.array([raw])), [0]).layers["layers.0"].outputs[0]
            first = [number(text) for text in page.place("[data-layer='layers.0'] li").all_text_contents()]
            assert first == pytest.approx(seen, rel=1e-5, abs=1e-5)
        answer = page.place("#answer").text_content()
        assert answer == f"Answer: class {simulator.data.classes[int(np.argmax(output))]}"


def test_every_activation_is_the_authors(xor, opened):
    """The translated functions, over numbers of all sizes; NaN stays NaN."""
    page = opened(xor[1])
    grid = [0.0, *(sign * size for sign in (1, -1) for size in (1e-6, 0.1, 0.7, 1.0, 2.5, 3.0, 8.0, 40.0)), math.nan]
    script = Script()
    functions = {entry.record.name: (script.add(entry.record.f), entry.record) for entry in ACTIVATIONS}
    lacking = "const lacking = " + _lacking() + ";"
    for name, (formula, record) in functions.items():
        params = list(record.params.values())
        if isinstance(record, RowActivation):
            rows = [grid[:4], [-3.0, 5.0, 5.0], [1.0, math.nan, 2.0]]
            expected = []
            for row in rows:
                answers = [0.0] * len(row)
                record.f(row, answers, *params)
                expected.append(answers)
            call = f"rows.map(z => {{ const a = z.map(() => 0); FORMULAS.{formula}(z, a, ...params); return a; }})"
            found = _evaluate(page, f"{lacking}{script.source} return {call};", rows, params)
            flat = list(itertools.chain(*found))
            assert flat == pytest.approx(list(itertools.chain(*expected)), rel=1e-12, nan_ok=True), name
            assert all(map(math.isnan, found[-1])), name
            continue
        expected = [record.f(z, *params) for z in grid]
        found = _evaluate(
            page, f"{lacking}{script.source} return rows.map(z => FORMULAS.{formula}(z, ...params));", grid, params
        )
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-13, nan_ok=True), name
        assert math.isnan(found[-1]), name


SHIFT = 0.25


def helper(z):
    return z - SHIFT


def everything(z, rate):
    """Every piece of the language of formulas that the built-ins do not use."""
    total, k = 0.0, 0
    for k in range(3):
        if k == 1 and not z > 100.0:
            continue
        total += helper(z) * k
    for k in range(6, 0, -2):
        total -= k % 4 + k // 4
    while True:
        total = total * rate**2
        if abs(total) < 1.0 or total != total:
            break
    sign = math.copysign(1.0, z) if -1.0 < z <= 1.0 or z >= 2.5 else -1
    rest = (z % 0.7) + (-7.5) // 2.0 + math.fmod(z, 3.0) + math.atan2(z, 2.0) + math.hypot(z, 1.0)
    return total + sign * math.pi + rest + math.erfc(z) + max(z, rate, 0.1) + math.floor(z) + math.trunc(z)


def test_the_whole_language_of_formulas(xor, opened):
    page = opened(xor[1])
    script = Script()
    name = script.add(everything)
    grid = [-7.3, -2.0, -0.4, 0.0, 0.3, 0.9, 1.5, 2.6, 4.2]
    body = f"const lacking = {_lacking()}; {script.source} return rows.map(z => FORMULAS.{name}(z, ...params));"
    assert _evaluate(page, body, grid, [0.5]) == pytest.approx([everything(z, 0.5) for z in grid], rel=1e-12)


def _lacking():
    from importlib.resources import files

    text = files("neurosim.report").joinpath("assets", "lacking.js").read_text(encoding="utf-8")
    start = text.index("{", text.index("const lacking"))
    return text[start : text.index("};", start) + 1]


def _evaluate(page, body, rows, params):
    # A page of its own: the policy of a report lets no other script run.
    blank = page.context.new_page()
    return blank.evaluate(f"([rows, params]) => {{ {body} }}", [rows, params])


LARGEST, SMALLEST = 1.7976931348623157e308, 5e-324
SIZES = [SMALLEST, 3e-310, 2.3e-308, 1e-300, 1e-9, 0.02, 0.6931, 1.0, 1 + 2**-52, 1.0000001, 7.0, 400.0, 2.0**53, 1e300]


def test_ticks_are_few_whatever_the_numbers_are(xor, opened):
    ends = sorted({0.0, *SIZES, LARGEST, *(-size for size in SIZES), -LARGEST})
    pairs = [*itertools.product(ends, ends), (math.inf, -math.inf), (math.nan, 1.0), (0.0, math.inf), (-math.inf, 0.0)]
    source = (ASSETS / "basics.js").read_text(encoding="utf-8")
    body = f"{source} return rows.map(([low, high]) => params.map((log) => ticks(low, high, log)));"
    found = _evaluate(opened(xor[1]), body, pairs, [False, True])
    for (low, high), scales in zip(pairs, found, strict=True):
        for shown in scales:
            assert len(shown) <= 12
            assert len(shown) == len(set(shown))
            assert (len(shown) > 0) == math.isfinite(low + 0 * high), (low, high)
            assert shown == sorted(shown)
            assert all(math.isfinite(tick) for tick in shown)
            slack = 1e-9 * (high / 2 - low / 2)
            assert low >= high or all(low - slack <= tick <= high + slack for tick in shown), (low, high)


def test_ticks_are_round_and_told_apart(xor, opened):
    source = (ASSETS / "basics.js").read_text(encoding="utf-8")
    body = f"{source} return rows.map((row) => tickWords(ticks(...row)));"
    rows = [[0, 400, False], [-0.3, 0.7, False], [0.9871, 0.9876, False], [0.001, 2, True], [-1e300, -1e300, False]]
    assert _evaluate(opened(xor[1]), body, rows, []) == [
        ["0", "100", "200", "300", "400"],
        ["0", "0.5"],
        ["0.9872", "0.9874", "0.9876"],
        ["0.001", "0.01", "0.1", "1"],
        ["\N{MINUS SIGN}1e+300"],
    ]


@pytest.mark.parametrize("losses", [[-1e300] * 3, [5e-324] * 3, [0.0] * 3, [-1e308, 1e308, 0.0]])
def test_odd_losses_have_a_curve(losses, xor, opened):
    """Drawn beside the page's own curves, without a complaint."""
    source = "".join((ASSETS / name).read_text(encoding="utf-8") for name in ("basics.js", "curves.js"))
    line = {"name": "train", "color": "#000", "epochs": [0, 1, 2], "values": losses}
    body = f"{source} curves(document.body, 'Loss', rows, () => 0); return document.querySelector('.curve').outerHTML;"
    assert "NaN" not in _evaluate(opened(xor[1]), body, [line], [])


@pytest.mark.parametrize("name", ["xor", "iris"])
def test_rows_in_the_hidden_space_are_where_the_engine_puts_them(name, xor, tmp_path, opened):
    result = xor[0] if name == "xor" else trained(name, training__epochs=4)
    page = opened(xor[1] if name == "xor" else written(result, tmp_path))
    simulator, recording = result.simulator, result.recording
    after = simulator.parameters
    rows = simulator.split_rows("train")
    inputs = rows.features.astype(np.float64) * rows.scale + rows.shift
    seen = []
    for k in range(len(recording)):
        simulator.set_parameters(recording.parameters_at(k))
        targets = rows.classes if simulator.network.outputs > 1 else rows.values
        signals = simulator.inspect(inputs, targets).layers
        seen.append([signals[layer].outputs for layer in ("layers.0", "layers.1")])
    simulator.set_parameters(after)
    planes = hidden_directions(simulator, [recording.parameters_at(k) for k in range(len(recording))])
    places = np.array([hidden @ plane.T for (hidden, _), plane in zip(seen, planes, strict=True)])
    low, high = places.min(axis=(0, 1)), places.max(axis=(0, 1))
    low, high = low - 0.18 * (high - low), high + 0.18 * (high - low)
    for k in (0, len(recording) // 2, len(recording) - 1):
        move(page, k)
        canvas = page.place(".hidden-space canvas")
        box = canvas.bounding_box()
        row = 2
        across, up = (places[k, row] - low) / (high - low)
        canvas.hover(position={"x": across * box["width"], "y": (1 - up) * box["height"]})
        told = page.place("#tip").text_content().split("\n")
        hidden, output = ([number(word) for word in line.split(": ")[1].split(", ")] for line in told[2:4])
        # Another row may lie on the same spot.
        near = np.abs(seen[k][0][:, :6] - hidden).max(axis=1).argmin()
        assert places[k, near] == pytest.approx(places[k, row], abs=0.05 * np.ptp(places))
        assert hidden == pytest.approx(seen[k][0][near, :6], rel=6e-3, abs=1e-6)
        assert output == pytest.approx(seen[k][1][near], rel=6e-3, abs=1e-6)
        shown = page.place(".hidden-space p").text_content()
        spread = places[k].var(axis=0).sum() / seen[k][0].var(axis=0).sum()
        assert f"The plane holds {round(100 * float(spread))}% of the rows' spread" in shown


def test_names_of_rows_in_the_hidden_space_stand_clear(xor, opened):
    """Rows that are near each other, on one spot, and in the corners: no name covers another one or a row."""
    places = [[100, 100], [112, 106], [100, 100], [2, 2], [298, 238], [290, 4], [4, 236]]
    source = (ASSETS / "hidden.js").read_text(encoding="utf-8")
    body = f"{source} return nameBoxes(rows, rows.map(() => 30), params[0], params[1]);"
    boxes = np.array(_evaluate(opened(xor[1]), body, places, [300, 240]))
    rows = np.hstack([np.array(places) - 5, np.full((len(places), 2), 10)])
    for k, box in enumerate(boxes):
        assert (box[:2] >= 0).all()
        assert (box[:2] + box[2:] <= [300, 240]).all()
        for other in (*boxes[:k], *rows):
            low, high = np.maximum(box[:2], other[:2]), np.minimum(box[:2] + box[2:], other[:2] + other[2:])
            assert (low >= high).any(), (box, other)


def test_the_pointer_over_the_inputs_is_followed_in_the_hidden_space(xor, opened):
    page = opened(xor[1])
    pictures = []
    for across in (60, 300):
        page.place("canvas.probed").hover(position={"x": across, "y": 150})
        pictures.append(page.place(".hidden-space canvas").screenshot())
    assert pictures[0] != pictures[1]


def test_the_keyboard_does_all(xor, opened):
    from playwright.sync_api import expect

    page = opened(xor[1])
    page.place(".timeline input").focus()
    page.page.keyboard.press("Home")
    assert page.place(".timeline output").text_content() == "before training"
    page.page.keyboard.press("ArrowRight")
    assert page.place(".timeline output").text_content() == "after epoch 10"
    page.place("canvas.probed").focus()
    before = page.place("#inputs").text_content()
    page.page.keyboard.press("ArrowLeft")
    assert page.place("#inputs").text_content() != before
    page.place(".timeline button").focus()
    page.page.keyboard.press("Enter")
    assert page.place(".timeline button").text_content() == "Pause"
    expect(page.place(".timeline output")).not_to_have_text("after epoch 10")
    page.page.keyboard.press("Enter")
    assert page.place(".timeline button").text_content() == "Play"
    page.place("#step summary").focus()
    page.page.keyboard.press("Enter")
    assert page.place("#step pre").first.is_visible()


def test_drawings_have_words_for_those_who_do_not_see_them(xor, opened):
    page = opened(xor[1])
    for place in ("img", "canvas", "#live svg:not([aria-hidden])"):
        for one in page.place(place).all():
            assert one.get_attribute("alt") or one.get_attribute("aria-label")
    assert page.place("html").get_attribute("lang") == "en"
    assert page.place("h1").count() == 1


@pytest.mark.parametrize("name", ["sine", "iris", "xor-perceptron"])
def test_other_problems(name, tmp_path, opened):
    page = opened(written(trained(name, training__epochs=4), tmp_path))
    pictures = []
    for k in (0, 1):
        move(page, k)
        pictures.append(page.place("#live .view").first.screenshot())
    assert pictures[0] != pictures[1]


def test_the_line_of_one_unit_is_straight_and_a_step_has_a_sharp_edge(tmp_path, opened):
    page = opened(written(trained("and"), tmp_path))
    # Of each row of pixels where it becomes orange, seen in the engine's own colors.
    edges = page.page.evaluate("""() => {
      const canvas = document.querySelector("canvas"), {width, height} = canvas;
      const data = canvas.getContext("2d").getImageData(0, 0, width, height).data, found = [];
      for (let row = 8; row < height * 0.45; row += 2) {
        const part = (column, k) => data[4 * (row * width + column) + k];
        let column = width - 1;
        while (column > 0 && part(column, 0) > part(column, 2)) column -= 1;
        if (column < width - 12) found.push([row, column]);
      }
      return found;
    }""")
    rows, columns = np.array(edges, float).T
    slope, start = np.polyfit(rows, columns, 1)
    assert len(rows) > 30
    assert np.abs(columns - (slope * rows + start)).max() < 1.5, "pixels beside a straight line"


def test_every_drawing_tells_its_numbers(tmp_path, opened):
    result = trained("iris", training__epochs=4)
    page = opened(written(result, tmp_path))
    tip = page.place("#tip")
    counts = result.recording.confusion[-1]
    page.place("svg[aria-label^=Confusion] rect").nth(0).hover()
    name = result.simulator.data.classes[0]
    told = f"{counts[0, 0]} of {counts[0].sum()} rows of class {name} were taken for {name}"
    assert tip.text_content() == told
    page.place("svg[aria-label^=Gradient] rect").nth(0).hover()
    shown = number(tip.text_content().split(": ")[1])
    assert shown == pytest.approx(result.recording.values["gradient_norm"][-1][0], rel=1e-5)
    page.place("svg[aria-label='How weights are spread of layers.0']").hover()
    low, high = (number(words) for words in tip.text_content().split("from ")[1].split(" to "))
    assert [low, high] == pytest.approx(result.recording.values["weight_histogram_range"][-1][0], rel=1e-5)


def test_nothing_trained(tmp_path, opened):
    page = opened(written(trained("xor", training__epochs=0, expect={}), tmp_path))
    assert page.place("#watch").count() == 0


@pytest.mark.parametrize(
    "look", [{"color_scheme": "dark"}, {"is_mobile": True, "viewport": {"width": 360, "height": 700}}]
)
def test_dark_and_on_a_phone(xor, browser, look):
    context = browser.new_context(**look)
    page = context.new_page()
    page.goto(xor[1].as_uri())
    wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    colors = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    context.close()
    assert wide[0] <= wide[1]
    assert (colors[0] == "rgb(21, 24, 27)") == ("color_scheme" in look)
    assert colors[0] != colors[1]


def test_printing_opens_what_is_folded(xor, opened):
    page = opened(xor[1])
    page.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.page.evaluate("[...document.querySelectorAll('details')].every(one => one.open)")
