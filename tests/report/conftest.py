"""A browser that opens pages."""

import os
import shutil

import pytest
from report_runs import trained, written

CHROMIUM = os.environ.get("NEUROSIM_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; tests that need it are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium; else set NEUROSIM_TEST_CHROMIUM)")
    with playwright.sync_playwright() as driver:
        # Inside a container Chromium cannot make its own sandbox; the pages are our own.
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


class Opened:
    """A page in the browser, and what it complained of or asked for."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(viewport={"width": 1100, "height": 900}, **options)
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def place(self, name):
        return self.page.locator(name)


@pytest.fixture
def opened(browser):
    """Opens pages, and holds at the end that none complained, and none asked for anything but itself."""
    pages = []

    def open_page(path, **options):
        pages.append((Opened(browser, path, **options), path))
        return pages[-1][0]

    yield open_page
    for found, path in pages:
        found.context.close()
        assert found.complaints == []
        # Pictures in the page are data: URLs, a worker is a blob: URL; a page may be opened with another address of it.
        asked = [url for url in found.requests if not url.startswith(("data:", "blob:"))]
        assert {url.partition("#")[0] for url in asked} == {path.as_uri()}


@pytest.fixture(scope="module")
def xor(tmp_path_factory):
    result = trained("xor", record__every=10)
    return result, written(result, tmp_path_factory.mktemp("xor"))
