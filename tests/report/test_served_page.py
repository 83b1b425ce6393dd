"""The page that trains as its server gives it, in headless Chromium."""

import re
import threading
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from neurosim.play.formulas import Reader
from neurosim.play.school import School
from neurosim.play.serving import served
from neurosim.play.visitors import Visitors
from neurosim.problem.assembly import assemble
from neurosim.report.playground import playground
from neurosim.report.twin import DATASETS
from neurosim.scenario import load_scenario


@dataclass
class Address:
    """An address to open, as a path is."""

    text: str

    def as_uri(self):
        return self.text


@pytest.fixture
def serve():
    """Serves pages until the test ends; gives the address, and the thread that ends when the page is closed."""
    with ExitStack() as stack:

        def serve_page(text, host, patience=0.0):
            visitors = Visitors()
            page = text if callable(text) else lambda: text
            address = stack.enter_context(served(page, visitors))
            attending = threading.Thread(target=visitors.attend, args=(host, patience), daemon=True)
            attending.start()
            return Address(address), attending

        yield serve_page


def test_a_served_page_trains_by_itself_and_is_known_to_be_open(opened, serve):
    scenario = load_scenario("xor")
    address, attending = serve(playground(scenario, assemble(scenario), {}), Reader(()))
    found = opened(address)
    found.page.get_by_role("button", name="Epoch", exact=True).click()
    found.page.locator(".clock").filter(has_text="epoch 1,").wait_for()
    assert attending.is_alive()
    found.page.close()
    attending.join(20)
    assert not attending.is_alive()


FEW = {"data__test_fraction": 0.95, "network__layers__0__channels": 2, "network__layers__2__channels": 2}


def engine(serve, name, **overrides):
    """A page whose network is trained by its server, in plain NumPy."""
    scenario = load_scenario(name, overrides={key.replace("__", "."): value for key, value in overrides.items()})
    problem = assemble(scenario)
    school = School(scenario, problem, "reference", DATASETS)
    return serve(playground(scenario, problem, {"engine": "reference"}), school, 60.0)[0]


def test_a_page_shows_a_network_that_its_server_trains(opened, serve):
    page = opened(engine(serve, "xor")).page
    clock = page.locator(".clock")
    page.get_by_role("button", name="Step", exact=True).click()
    clock.filter(has_text="step 1").wait_for()
    before = page.locator(".measures").text_content()
    page.get_by_label("Learning rate").select_option(label="10")
    page.get_by_label("Speed").select_option(label="30 steps a second")
    page.get_by_role("button", name="Train", exact=True).click()
    clock.filter(has_text=re.compile(r"step \d\d")).wait_for()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Train", exact=True).wait_for()
    page.get_by_label("Step to go back to").fill("1")
    clock.filter(has_text=re.compile(r"step 1$")).wait_for()
    assert page.locator(".measures").text_content() == before
    # The tiles and the lines are of the numbers that the server sends.
    page.get_by_role("button", name="One unit more in layer 1").click()
    clock.filter(has_text="step 0").wait_for()


@pytest.mark.ci
def test_a_page_shows_convolutions_that_its_server_trains(opened, serve):
    page = opened(engine(serve, "digits-cnn", **FEW)).page
    page.get_by_role("button", name="Epoch", exact=True).click()
    page.locator(".clock").filter(has_text="epoch 1,").wait_for()
    assert page.locator(".layers tbody tr").count() == 6
    assert page.locator(".layers").get_by_text("8 x 8 x 2").is_visible()
    assert page.locator(".counts tbody tr").count() == 10
    assert page.get_by_label("Activation").locator("option:checked").text_content() == "relu"
    page.get_by_label("Optimizer").select_option(label="sgd")
    page.locator(".clock").filter(has_text="step 0").wait_for()


@pytest.mark.ci
def test_an_activation_is_typed_in_and_trained_with(opened, serve):
    scenario = load_scenario("xor")
    problem, reader = assemble(scenario), Reader(["tanh"])

    def text():
        typed = [{"name": name, "text": text} for name, text in reader.texts.items()]
        return playground(scenario, problem, {"typed": typed}, reader.activations.values())

    page = opened(serve(text, reader, 60.0)[0]).page
    page.get_by_text("An activation of your own").click()
    page.get_by_label("a formula of z").fill("z.real")
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("alert").filter(has_text="line 1: a formula has no .real").wait_for()
    page.get_by_label("a formula of z").fill("sin(2 * z) * exp(-z * z / beta)")
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("img", name="typed and its derivative").wait_for()
    page.get_by_role("button", name="Epoch", exact=True).click()
    page.locator(".clock").filter(has_text="epoch 1,").wait_for()
    assert page.get_by_label("Activation").locator("option:checked").text_content() == "typed"
