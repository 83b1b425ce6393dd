"""A diagnosis, a worksheet, a page and a script, of anything that represents a run; and networks that come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurosim.diagnosis import Diagnosis, diagnose_failed
from neurosim.diagnosis import diagnose as diagnose_network
from neurosim.exchange import export as export_network
from neurosim.interactive.given import fresh_simulator, is_path, result_of_run, run_folder, simulator_of, warn_mixed
from neurosim.report.written import write_report as write_page
from neurosim.runs import Result
from neurosim.runs.diverged import read_failed
from neurosim.runs.replay import Replay
from neurosim.scenario import Scenario
from neurosim.training.simulator import Simulator
from neurosim.worksheet import Sheet
from neurosim.worksheet import explain as explain_step


def diagnose(run: Result | Simulator | Replay | Path | str, *, trials: bool = True, force: bool = False) -> Diagnosis:
    """Look for every disease in a trained network, and try what may cure it.

    Parameters
    ----------
    run : Result, Simulator, run folder, or "last"
        The network; of a folder also a run that diverged. Its start is made again from its scenario and seed; it is
        left as it is.
    trials : bool
        Whether to try remedies, which takes some seconds, and up to a minute for large networks. Without trials they
        are guesses, and what only a trial can prove is not found.
    force : bool
        Read a run folder even where its scenario, its rows or a plugin have changed since it was trained; a warning
        then says so.

    Raises
    ------
    UsageError
        When it is not a single trained network, or something has changed since the run was trained; the message says
        what.
    DataError
        When there is no such run folder, or the run in it is not finished.
    """
    if is_path(run):
        failed = read_failed(run_folder(run, "neurosim.diagnose"))  # type: ignore[arg-type]
        if failed is not None:
            start, mixed = failed.start(force=force)
            warn_mixed(mixed)
            return diagnose_failed(start, failed.message, failed.history, trials=trials)
    return diagnose_network(simulator_of(run, "neurosim.diagnose", force=force), trials=trials)


def explain(
    scenario: Scenario | Simulator | Result | Path | str,
    sample: int | None = None,
    steps: int = 0,
    *,
    path: bool = False,
    units: Sequence[int] = (),
    force: bool = False,
) -> Sheet:
    """The four phases of one training step on one sample, with their numbers.

    The numbers are those of the reference backend, in float64; dropout is off.

    Parameters
    ----------
    scenario : name or file of a scenario, Scenario, run folder, "last", Result, or Simulator
        What to work with: a new network of it. A Simulator must be a new one, and is trained.
    sample : int, optional
        Number of the training row, from 0; else one with a large error and few gradients of 0, and the sheet says so.
    steps : int
        How many steps of the scenario are trained before.
    path : bool
        Follow a single path through the network and back: a sheet of some twenty lines.
    units : sequence of int
        With `path`: the unit to go through in each hidden layer, from 1, from the first hidden layer on; for layers
        without one that with the largest gradient.
    force : bool
        Read a run folder even where its scenario, its rows or a plugin have changed since it was trained; a warning
        then says so.

    Raises
    ------
    UsageError
        When there is no such row, step or unit, no single path through the network, the simulator has been trained
        already, or something has changed since the run was trained.
    DivergedError
        When training diverges before.
    NeurosimError
        When the scenario cannot be loaded.
    """
    simulator = fresh_simulator(scenario, "neurosim.explain", force=force)
    return explain_step(simulator, sample, steps, path=path, units=units)


def write_report(run: Result | Simulator | Replay | Path | str, path: Path | str, *, force: bool = False) -> Path:
    """Write all that is known of a run as one HTML file, as ``neurosim run`` does; returns its path.

    Parameters
    ----------
    run : Result, Simulator, run folder, or "last"
        The run; with ``neurosim.run(..., for_report=True)`` the page can show every epoch.
    path : path
        The file.
    force : bool
        Read a run folder even where its scenario, its rows or a plugin have changed since it was trained; a warning
        and the page then say so.

    Raises
    ------
    UsageError
        When it is not a single trained network, or something has changed since the run was trained; the message says
        what.
    DataError
        When the file cannot be written, or there is no such run.
    """
    return write_page(result_of_run(run, "neurosim.write_report", force=force), path)


def export(run: Result | Simulator | Replay | Path | str, to: str, out: Path | str, *, force: bool = False) -> Path:
    """Write the network of a run as a script that trains it without neurosim, or as an ONNX file; returns its path.

    Parameters
    ----------
    run : Result, Simulator, run folder, or "last"
        The run.
    to : str
        ``"numpy"``, ``"torch"`` or ``"keras"`` for a script, ``"onnx"`` for an ONNX file with the trained network.
    out : path
        The script, whose name ends with ``.py``, or the file, with ``.onnx``. What does not fit into a script is
        written beside it.
    force : bool
        Read a run folder even where its scenario, its rows or a plugin have changed since it was trained; a warning
        then says so.

    Raises
    ------
    UsageError
        When it is not a single network, something about it cannot be exported yet, or something has changed since it
        was trained; the message says what.
    DataError
        When a file cannot be written, or there is no such run.
    """
    return export_network(simulator_of(run, "neurosim.export", force=force), to, Path(out))[0]


def import_onnx(path: Path | str, out: Path | str) -> Path:
    """Make a scenario and a model of the network in an ONNX file; returns the folder, for `neurosim.load_model`.

    Nothing but the file is read, and nothing in it is executed.

    Parameters
    ----------
    path : path
        The file, from neurosim, PyTorch or any other program.
    out : path
        The folder for both; it must be empty or not there.

    Raises
    ------
    UsageError
        When the file cannot be imported, naming the node that is not understood, or the folder is not empty.
    DataError
        When a file cannot be read or written.
    """
    from neurosim.exchange.onnx_import import import_onnx as imported

    return imported(path, out).files[0].parent
