"""Runs and their pages."""

import neurosim
from neurosim.report.run import prepare_run_page, run_page


def trained(name, **overrides):
    """A trained run of a shipped scenario that has recorded for its report."""
    keys = {key.replace("__", "."): value for key, value in overrides.items()}
    return neurosim.run(name, overrides=keys, for_report=True)


def written(result, folder):
    """The path of its page, without pictures."""
    path = folder / "report.html"
    path.write_text(run_page(prepare_run_page(result), []), encoding="utf-8")
    return path


def move(page, k):
    page.place(".timeline input").fill(str(k))
