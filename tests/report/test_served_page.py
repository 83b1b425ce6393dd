"""The page that trains as its server gives it, in headless Chromium."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from neurosim.play.serving import served
from neurosim.play.visitors import Doorkeeper, Visitors
from neurosim.problem.assembly import assemble
from neurosim.report.playground import playground
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
            address = stack.enter_context(served(lambda: text, visitors))
            attending = threading.Thread(target=visitors.attend, args=(host, patience), daemon=True)
            attending.start()
            return Address(address), attending

        yield serve_page


def test_a_served_page_trains_by_itself_and_is_known_to_be_open(opened, serve):
    scenario = load_scenario("xor")
    address, attending = serve(playground(scenario, assemble(scenario), {}), Doorkeeper())
    found = opened(address)
    found.page.get_by_role("button", name="Epoch", exact=True).click()
    found.page.locator(".clock").filter(has_text="epoch 1,").wait_for()
    assert attending.is_alive()
    found.page.close()
    attending.join(20)
    assert not attending.is_alive()
