"""The page that trains, for everyone: by keyboard, by ear, on a phone, and for readers of the screen."""

import pytest
from test_playground import button, clock, page_of

from neurosim.scenario import load_scenario
from neurosim.training.simulator import Simulator
from neurosim.worksheet.step import sample_loss, take_step


def violations(found):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return axe.run(found.page).generate_report()


@pytest.fixture
def moons(opened, tmp_path):
    found = opened(page_of(tmp_path, "moons"))
    clock(found, "step 0$")
    return found


def test_nothing_stands_in_the_way_of_anyone(moons):
    button(moons, "unit 2 of layer 1").click()
    moons.page.get_by_label("Weight from x1").wait_for()
    assert violations(moons).startswith("Found 0")


@pytest.mark.ci
@pytest.mark.parametrize(
    ("name", "scheme"),
    [("xor", "light"), ("sine", "dark"), ("iris", "light"), ("digits", "dark"), ("overfitting", "light")],
)
def test_nothing_does_on_a_phone(name, scheme, opened, tmp_path):
    found = opened(page_of(tmp_path, name), color_scheme=scheme, reduced_motion="reduce")
    found.page.set_viewport_size({"width": 360, "height": 740})
    button(found, "unit 1 of layer 1" if name != "overfitting" else "unit 1 of layer 2").click()
    button(found, "Epoch").click()
    clock(found, "epoch 1,")
    assert violations(found).startswith("Found 0")
    # Nothing is wider than the screen.
    assert found.page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_lesson_fits_a_phone(opened, tmp_path):
    page = opened(page_of(tmp_path, "try-hidden-units")).page
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_text("Each tile is a picture of the plane").wait_for()
    # All is in one column.
    widths = page.locator(".lab > section:not(.unit)").evaluate_all("nodes => nodes.map((node) => node.clientWidth)")
    assert set(widths) == {328}
    # No answer is chosen for anybody.
    assert page.get_by_label("Answer 3").input_value() == ""


def test_a_weight_is_changed_by_keyboard(moons):
    page = moons.page
    button(moons, "unit 2 of layer 1").focus()
    page.keyboard.press("Enter")
    loss = page.locator(".measures").text_content()
    page.get_by_label("Weight from x1").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("-2.5")
    page.keyboard.press("Tab")
    page.wait_for_function("loss => document.querySelector('.measures').textContent !== loss", arg=loss)
    assert page.get_by_label("Weight from x1").input_value() == "-2.5"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Weight from x2"
    # A click on a line leads to its field.
    page.locator(".hit").first.click(force=True)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Weight from x1"
    assert button(moons, "unit 1 of layer 1").get_attribute("aria-pressed") == "true"
    button(moons, "Close the unit").click()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "unit 1 of layer 1"


def test_the_numbers_of_a_step_stand_beside_the_weights(moons):
    page = moons.page
    # A click on the drawing chooses the nearest row, and the unit of the output.
    page.locator("canvas.answer").click(position={"x": 60, "y": 60})
    page.get_by_label("Training row").fill("3")
    page.keyboard.press("Enter")
    lines = page.locator(".lines")
    step = take_step(Simulator(load_scenario("moons"), backend="reference"), 3, 0, None)
    layer = step.network.layers[-1]
    lines.get_by_text(f"L = {sample_loss(step):.3g};").wait_for()
    lines.get_by_text(f"∂L/∂z = {step.errors(layer)[0]:.3g};".replace("-", "\N{MINUS SIGN}")).wait_for()
    after = page.locator(".weights tbody tr").nth(2).locator("td").last.text_content()
    assert float(after.replace("\N{MINUS SIGN}", "-")) == pytest.approx(
        step.after["w"][layer.weight.span.start + 1], rel=1e-5
    )


def test_the_focus_stays_when_a_control_begins_anew(moons):
    page = moons.page
    chosen = page.get_by_label("Activation")
    chosen.focus()
    chosen.select_option(label="elu")
    more = button(moons, "One unit more in layer 1")
    more.focus()
    for units in (17, 18):
        page.keyboard.press("Enter")
        page.get_by_text(f"{units} units").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "One unit more in layer 1"
    assert page.get_by_label("Activation").evaluate("node => node.selectedOptions[0].text") == "elu"


def test_the_losses_can_be_heard(moons):
    button(moons, "Epoch").click()
    clock(moons, "epoch 1,")
    button(moons, "Hear the curves").click()
    button(moons, "Stop the sound").click()
    button(moons, "Hear the curves").wait_for()


def test_a_digit_drawn_by_hand_is_answered(opened, tmp_path):
    found = opened(page_of(tmp_path, "digits"))
    page = found.page
    for _ in range(2):
        button(found, "Epoch").click()
    clock(found, "epoch 2,")
    box = page.locator(".pad canvas").bounding_box()
    line = [(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]
    for place, (right, down) in enumerate(line):
        page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"], steps=5)
        if place == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_text("Taken for 7").wait_for()
    # A row of the table is looked at in its place.
    page.get_by_label("or row").fill("3")
    page.keyboard.press("Enter")
    page.get_by_text("The row is taken for").wait_for()
    assert button(found, "Clear").is_disabled()
