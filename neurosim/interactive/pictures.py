"""Pictures as figures and films as bytes, for notebooks and scripts; nothing opens a window."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from neurosim.analysis.catalog import no_film
from neurosim.analysis.frames import film
from neurosim.analysis.studies import study_facts
from neurosim.errors import UsageError
from neurosim.files.atomic import write_atomically
from neurosim.interactive.given import is_path, read_folder, simulator_of
from neurosim.plots.animation import film_bytes, has_ffmpeg
from neurosim.plots.ensembles import ensemble_histogram
from neurosim.plots.replay import futures
from neurosim.plots.shown import plot as plot_network
from neurosim.plots.studies import comparison_figures, study_figures
from neurosim.report.comparison import Comparison, common_title, comparison_facts
from neurosim.runs import Study
from neurosim.runs.reading import ReadRun
from neurosim.runs.replay import Replay
from neurosim.scenario.pictures import FILMS
from neurosim.suggestions import unknown
from neurosim.training.ensemble import Ensemble

FORMATS = ("gif", "mp4")


def plot(run: Any, picture: str | None = None, *, force: bool = False) -> Figure:
    """One picture as a matplotlib figure.

    Parameters
    ----------
    run : Result, Simulator, run folder, "last", Study, Comparison, Replay or Ensemble
        What to draw: a network, several side by side, both futures of a replay, or the outcome of many seeds.
    picture : str, optional
        Its name, as in ``neurosim plot RUN --only NAME``; left out, the one that shows most of this kind of problem.
        Of several networks the name of a file that ``neurosim compare`` or ``neurosim run`` writes: "comparison",
        "decision_boundaries", ... A replay and an ensemble have one picture.
    force : bool
        Read a run folder even where its scenario, its rows or a plugin have changed since it was trained; a warning
        then says so.

    Raises
    ------
    UsageError
        When there is no such picture, this network cannot have it, `run` is nothing that can be drawn, or something
        has changed since it was trained.
    DataError
        When there is no such run folder, or the run in it is not finished.
    NeurosimError
        If drawing it fails because of a bug in neurosim or in a plugin.
    """
    if isinstance(run, Ensemble):
        if not run.members:
            raise UsageError("these networks have not been trained yet", "Call train() first.")
        return ensemble_histogram(run, f"{run.scenario.scenario.headline} ({len(run.members)} seeds)")
    if isinstance(run, Replay):
        history = run.origin.history
        return futures(run.origin.scenario.scenario.headline, run.change, run.epoch, history, run.branch.history)
    read = read_folder(run, "neurosim.plot", force=force) if is_path(run) else run
    if isinstance(read, Comparison):
        return _chosen(comparison_figures(comparison_facts(read, common_title(read))), picture)
    if isinstance(read, Study) or (isinstance(read, ReadRun) and read.scenario.is_study):
        trained = [(result.simulator, result.metrics) for result in read.results]
        return _chosen(study_figures(study_facts(read.scenario, trained)), picture)
    network = read.results[0] if isinstance(read, ReadRun) else read
    return plot_network(simulator_of(network, "neurosim.plot"), picture)


def _chosen(figures: dict[str, Figure], picture: str | None) -> Figure:
    """The picture of this name, or the first."""
    if picture is None:
        return next(iter(figures.values()))
    if picture not in figures:
        raise UsageError(*unknown("picture", picture, figures))
    return figures[picture]


@dataclass(frozen=True)
class Animation:
    """A film; in a notebook it shows itself.

    Attributes
    ----------
    title : str
        Of the scenario.
    name : str
        What moves, such as "boundary".
    kind : {"gif", "mp4"}
        The format.
    data : bytes
        The file's content.
    """

    title: str
    name: str
    kind: str
    data: bytes

    def save(self, path: Path | str) -> Path:
        """Write the film into a file; returns its path. Raises DataError when it cannot be written."""
        target = Path(path)
        write_atomically(target, self.data)
        return target

    def __repr__(self) -> str:
        return f"<Animation of the {self.name.replace('_', ' ')}, {self.title}: {self.kind}, {len(self.data):,} bytes>"

    def _repr_html_(self) -> str:
        """The film itself, for notebooks."""
        content = base64.b64encode(self.data).decode()
        if self.kind == "mp4":
            return f'<video controls src="data:video/mp4;base64,{content}"></video>'
        return f'<img alt="" src="data:image/gif;base64,{content}">'


def animate(
    run: Any,
    name: str = "boundary",
    path: Path | str | None = None,
    *,
    kind: str | None = None,
    force: bool = False,
) -> Animation:
    """A film of a training: what was recorded, time by time.

    Parameters
    ----------
    run : Result, Simulator, run folder, or "last"
        The network. It must have been recorded: ``neurosim.run(..., for_report=True)`` does that, as ``[record]`` in
        the scenario does.
    name : {"boundary", "hidden_space", "histograms", "gradients"}
        What moves.
    path : path, optional
        A file to write, ``.gif`` or ``.mp4``; left out, nothing is written. `Animation.save` does it later.
    kind : {"gif", "mp4"}, optional
        The format; left out, that of the path, else "gif". MP4 needs ffmpeg.
    force : bool
        Read a run folder even where its scenario, its rows or a plugin have changed since it was trained; a warning
        then says so.

    Raises
    ------
    UsageError
        When there is no such film, this run has none, the format is unknown, or something has changed since the run
        was trained; the message says what.
    DataError
        When there is no such run, or the file cannot be written.
    """
    if name not in FILMS:
        raise UsageError(*unknown("film", name, FILMS))
    simulator = simulator_of(run, "neurosim.animate", force=force)
    reason = no_film(name, simulator)
    if reason:
        raise UsageError(f"no film of the {name.replace('_', ' ')}: {reason}")
    chosen = kind or ("gif" if path is None else Path(path).suffix.lstrip(".") or "gif")
    if chosen not in FORMATS:
        raise UsageError(*unknown("film format", chosen, FORMATS))
    if chosen == "mp4" and not has_ffmpeg():
        raise UsageError("ffmpeg, which writes MP4, is not installed", "Install it, or make a GIF.")
    made = Animation(simulator.scenario.scenario.headline, name, chosen, film_bytes(film(name, simulator), chosen))
    if path is not None:
        made.save(path)
    return made
