"""Every control of the page that trains, by mouse and by keyboard, as the page itself lists them.

A control without a case fails the test: give it one in ``CASES``.
"""

import re
from typing import get_args

import pytest
from test_playground import button, clock, page_of

import neurosim
from neurosim.report.engine import asset
from neurosim.scenario.play import Control

HASH = "location.hash"
CLOCK = "document.querySelector('.clock').textContent"
PINNED = "document.querySelector('.unit').hidden"
WEIGHT = "document.querySelector('.lines').textContent"
DATA = "[...document.querySelectorAll('.data :is(select, p)')].map((node) => node.value ?? node.textContent).join()"
OPEN = "[...document.querySelectorAll('details')].map((node) => node.open).join()"
HEARD = "document.querySelector('.result .small-button').textContent"
SHARES = "[...document.querySelectorAll('.share .number')].map((node) => node.textContent).join()"
FILES = "window.saved"
ANSWER = "[...document.querySelectorAll('.questions :is(input, select)')].map((node) => node.value).join()"
NAME = "document.querySelector('.lesson input[type=text]').value"
# What a link can hide.
HIDDEN = (
    "the data", "drawing", "the inputs", "units", "layers", "the activation", "weights", "the loss", "the optimizer",
    "the learning rate", "the batch", "penalties", "the speed", "the download",
)  # fmt: skip
# What each control changes, as JavaScript; a number in its name is N.
CASES = {
    "Train": CLOCK, "Step": CLOCK, "Epoch": CLOCK, "Reset": CLOCK, "Other weights": HASH,
    # Parameters come before what they are of.
    "More settings": OPEN, "betaN": HASH, "eps": HASH, "weight decay": HASH, "label smoothing of the loss": HASH,
    "delta of the loss": HASH,
    "Learning rate": HASH, "Optimizer": HASH, "Activation": HASH, "Loss": HASH, "LN": HASH, "Batch": HASH,
    "Speed": HASH, "Function of layer N": HASH, "Dropout": HASH, "Normalization": HASH, "Initial weights": HASH,
    "Noise": HASH, "Samples": HASH, "Share of test rows": HASH, "New data": HASH,
    "Hide controls in the link": OPEN, **{f"tick hide {words}": HASH for words in HIDDEN},
    "tick show test rows": HASH, "tick show the class only": HASH, "tick xN": HASH, "tick xN²": HASH,
    "tick xN · xN": HASH, "tick sin(xN)": HASH,
    "xN": PINNED, "xN²": PINNED, "xN · xN": PINNED, "sin(xN)": PINNED, "the picture": PINNED, "unit N of layer N": HASH,
    "One unit less in layer N": HASH, "One unit more in layer N": HASH,
    "Unit": HASH, "Training row": HASH, "Bias": WEIGHT, "Weight from unit N": WEIGHT, "Close the unit": HASH,
    "What the network answers": HASH, "Hear the curves": HEARD, "Step to go back to": CLOCK,
    "Download scenario.toml": FILES, "What to look for": OPEN,
    "A place to draw a picture with the pointer": SHARES, "or row": SHARES, "Clear": SHARES,
    "Answer N": ANSWER, "Your name": NAME, "Download answers": FILES,
    # These make another network, so they come last.
    "One hidden layer less": HASH, "One hidden layer more": HASH, "Draw points": DATA, "Data set": HASH,
    "Your table (.csv) or scenario (.toml)": DATA,
}  # fmt: skip
LAST = list(CASES)[list(CASES).index("One hidden layer less") :]
# What is done with the pointer only, and by which control otherwise.
ELSEWHERE = {
    "What the network answers": "Training row",
    "A place to draw a picture with the pointer": "or row",
}
NAMED = f"() => {{ {asset('play/access.js')}; window.nameOf = nameOf; window.saved = 0; }}"
NAMES = """
() => [...document.querySelectorAll("main *")]
  .filter((node) => node.matches("button, select, input, textarea, summary, a, [tabindex], canvas[aria-label]"))
  .filter((node) => node.checkVisibility() && !node.matches(".questions form button"))
  .map((node) => {
    const tick = node.type === "checkbox" ? "tick " : "";
    node.dataset.name = tick + nameOf(node).replace(/\\d+/g, "N");
    return node.dataset.name;
  })
"""
# The values of all controls that have one, by their names.
VALUES = """
() => Object.fromEntries([...document.querySelectorAll("main :is(select, input:not([type=file]))")]
  // Weights are what training has made of them, and answers are their author's.
  .filter((node) => !node.hasAttribute("aria-label") && !node.closest(".lesson"))
  .map((node) => [nameOf(node), [node.selectedOptions?.[0].text, node.checked, node.value]]))
"""
# All is in view: the settings are open, a unit is kept, a class can be drawn.
READY = """
() => {
  for (const node of document.querySelectorAll("details")) node.open = true;
  const names = /^unit 1 of layer [2-9]/;
  const tile = [...document.querySelectorAll(".tile")].find((node) => names.test(node.ariaLabel));
  if (tile && document.querySelector(".unit").hidden) tile.click();
}
"""
TABLE = ["1,2,x", "2,1,y", "1.5,2,x", "3,1,y"]


def typed(name, now):
    either = ("2", "1") if name in ("Unit", "Training row", "or row") else ("0.3", "0.5")
    return either[now == either[0]]


def use(page, node, name, way):
    """Use a control as its kind is used: with the pointer, or with keys only."""
    tag, kind = node.evaluate("node => [node.tagName, node.type]")
    keys = way == "keyboard"
    if keys:
        node.focus()
    if tag == "SELECT":
        at, count = node.evaluate("node => [node.selectedIndex, node.options.length]")
        if keys:
            page.keyboard.press("ArrowDown" if at < count - 1 else "ArrowUp")
        else:
            node.select_option(index=at + 1 if at < count - 1 else at - 1)
    elif kind == "range":
        if keys:
            page.keyboard.press("ArrowLeft")
        else:
            box = node.bounding_box()
            node.click(position={"x": 0.6 * box["width"], "y": box["height"] / 2})
    elif kind in ("number", "text"):
        if not keys:
            node.click(click_count=3)
        page.keyboard.press("Control+A")
        page.keyboard.type("Ann" if kind == "text" and way == "mouse" else typed(name, node.input_value()))
        page.keyboard.press("Enter")
    elif kind == "file":
        # The window in which a file is chosen is the system's.
        node.evaluate("node => node.addEventListener('click', (event) => event.preventDefault(node.dataset.used = 1))")
        page.keyboard.press("Enter") if keys else node.click()
        assert node.get_attribute("data-used")
        rows = TABLE[: 3 + keys]
        table = "\n".join(["a,b,kind", *rows, ""])
        node.set_input_files({"name": "own.csv", "mimeType": "text/csv", "buffer": table.encode()})
    elif tag == "CANVAS":
        node.click(position={"x": 60, "y": 70 if way == "mouse" else 40})
    elif keys:
        page.keyboard.press(" " if kind == "checkbox" else "Enter")
    else:
        node.click()


def try_all(found):
    """Use every control that the page shows, and hold that each does its part; gives what has to come last."""
    page = found.page
    page.set_default_timeout(5000)
    page.evaluate(NAMED)
    page.on("download", lambda _: page.evaluate("window.saved += 1"))
    tried = set()
    # Some bring others: a loss has parameters.
    while names := shown(page) - tried:
        assert not names - set(CASES), f"controls without a case: {names - set(CASES)}"
        for name in [name for name in CASES if name in names and name not in LAST]:
            for way in ("mouse", "keyboard"):
                try_one(found, name, way)
        tried |= names
    return [name for name in LAST if name in tried]


def shown(page):
    page.evaluate(READY)
    # A new network has its numbers a little later.
    page.wait_for_function("() => !document.querySelector('.unit:not([hidden]):empty')")
    return set(page.evaluate(NAMES))


def try_one(found, name, way):
    page = found.page
    if way == "keyboard" and name in ELSEWHERE:
        return
    if name in ("Reset", "Step to go back to", "Hear the curves"):
        button(found, "Epoch").click()
        clock(found, "epoch [1-9]")
    if name == "Clear":
        page.locator(".pad canvas").click(position={"x": 60, "y": 60})
    shown(page)
    node = page.locator(f'[data-name="{name}"]').first
    before = page.evaluate(CASES[name])
    use(page, node, name, way)
    changed = f"before => ({CASES[name]}) !== before"
    try:
        page.wait_for_function(changed, arg=before, timeout=3000)
    except Exception as error:
        raise AssertionError(f"{name} does nothing by {way}") from error
    if name == "Train":
        button(found, "Pause").click()
        button(found, "Train").wait_for()
    if name == "Hear the curves":
        button(found, "Stop the sound").click()
        button(found, "Hear the curves").wait_for()


def reached(page):
    """The names of all that Tab leads to, from one end of the page to the other."""
    names, ends = set(), 0
    while ends < 2:
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.dataset.name ?? document.activeElement.tagName")
        ends += name == "BODY"
        names.add(name)
        assert len(names) < 200
    # What can be scrolled is reached too, and so are the buttons beside the answers.
    return names - {"BODY", "DIV", "BUTTON"}


@pytest.mark.ci
def test_every_control_by_mouse_and_by_keyboard(opened, tmp_path):
    few = {"data__samples": 60, "network__layers__0__units": 4, "network__layers__1__units": 3}
    found = opened(page_of(tmp_path, "moons", training__epochs=2, **few))
    page = found.page
    clock(found, "step 0$")
    last = try_all(found)
    assert shown(page) - set(ELSEWHERE) == reached(page)
    # All that was changed is in the address, which another page follows.
    values = page.evaluate(VALUES)
    other = opened(tmp_path / "page.html")
    other.page.goto(page.url)
    other.page.locator(".unit h2").wait_for()
    other.page.evaluate(NAMED)
    shown(other.page)
    assert other.page.evaluate(VALUES) == values
    assert other.page.evaluate(HASH) == page.evaluate(HASH)
    # And in the scenario, which is run to the same loss.
    for epoch in (1, 2):
        button(other, "Epoch").click()
        clock(other, f"epoch {epoch},")
    with other.page.expect_download() as download:
        button(other, "Download scenario.toml").click()
    download.value.save_as(tmp_path / "scenario.toml")
    result = neurosim.run(tmp_path / "scenario.toml", backend="reference", out=tmp_path / "run")
    loss = other.page.locator(".measures dd").first.text_content().split(",")[0]
    assert float(loss) == pytest.approx(result.simulator.evaluate("train")["loss"], rel=5e-3)
    for name in last:
        for way in ("mouse", "keyboard"):
            try_one(found, name, way)


@pytest.mark.ci
def test_every_control_of_a_lesson_and_of_pictures(opened, tmp_path):
    asking = [{"ask": "?", "options": ["a", "b"]}, {"ask": "?", "answer": 3.0}]
    play = {"controls": ["draw", "speed", "weights"], "text": "So.", "questions": asking}
    few = {"data__test_fraction": 0.9, "network__layers__0__units": 4, "play": play}
    found = opened(page_of(tmp_path, "digits", **few))
    clock(found, "step 0$")
    assert try_all(found) == []
    page = found.page
    page.locator(".pad canvas").click()  # what is drawn can be cleared
    assert shown(page) - set(ELSEWHERE) == reached(page)
    for number, way in (("1", "mouse"), ("2", "keyboard")):
        node = page.get_by_label(f"Answer {number}")
        if way == "mouse":
            button(found, "Answer").first.click()
        else:
            node.fill("3")
            page.keyboard.press("Enter")
        assert node.is_disabled()


def test_a_link_can_hide_what_a_section_can():
    groups = dict(re.findall(r"(\w+): \"([\w ]+)\"", asset("play/hiding.js").partition("class ")[0]))
    assert set(groups) == set(get_args(Control))
    assert set(groups.values()) == set(HIDDEN)


@pytest.mark.ci
def test_a_link_hides_controls(opened, tmp_path):
    found = opened(page_of(tmp_path, "moons", data__samples=60))
    clock(found, "step 0$")
    found.page.locator("summary", has_text="Hide controls in the link").click()
    for words in ("the learning rate", "the data", "layers"):
        found.page.get_by_label(f"hide {words}").click()
    found.page.evaluate(NAMED)
    hidden = {"Learning rate", "Data set", "Noise", "One hidden layer more", "Hide controls in the link"}
    assert hidden <= shown(found.page)
    other = opened(tmp_path / "page.html")
    other.page.goto(found.page.url)
    clock(other, "step 0$")
    other.page.evaluate(NAMED)
    assert not hidden & shown(other.page)
    # It stays so, whatever is changed.
    button(other, "Other weights").click()
    address = other.page.evaluate(HASH)
    assert "learning_rate" in address
    assert "seed" in address
