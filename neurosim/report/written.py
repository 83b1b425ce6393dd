"""The page about a run, written from Python."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

from neurosim.analysis.facts import run_facts
from neurosim.analysis.failures import Failures
from neurosim.files.atomic import make_folder, write_atomically
from neurosim.report.run import prepare_run_page, run_page
from neurosim.runs import Result


def write_report(result: Result, path: Path | str) -> Path:
    """Write everything that is known about a run into one HTML file, as ``neurosim run`` does; returns its path.

    Parameters
    ----------
    result : Result
        What `neurosim.run` returned; with ``for_report=True``, the page can show every epoch.
    path : path
        The file.

    Raises
    ------
    DataError
        When the file cannot be written.

    Warns
    -----
    UserWarning
        For each picture that could not be drawn; the page is written without it.
    """
    from neurosim.plots.pictures import write_pictures

    target = Path(path)
    make_folder(target.parent)
    with tempfile.TemporaryDirectory() as folder:
        failures = Failures()
        pictures = write_pictures(run_facts(result.simulator, failures=failures), Path(folder), failures)
        for name, error in failures.items():
            warnings.warn(f"no picture {name}: {type(error).__name__}: {error}", stacklevel=2)
        write_atomically(target, run_page(prepare_run_page(result), pictures))
    return target
