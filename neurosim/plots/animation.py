"""Films of a run as GIF, or as MP4 if ffmpeg is installed."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from neurosim.analysis.frames import FilmFacts
from neurosim.errors import DataError
from neurosim.files.atomic import write_atomically
from neurosim.plots.hidden import draw_hidden, spread_words
from neurosim.plots.histograms import bars, some_layers, what_of
from neurosim.plots.inputs import draw_boundary, draw_fit, draw_surface
from neurosim.plots.lines import fit_scale
from neurosim.plots.pictures import function
from neurosim.plots.settings import own_settings
from neurosim.plots.style import COLORS, INK, canvas, margins, subtitle, tidy, whole_numbers
from neurosim.process.interruption import at_sudden_end
from neurosim.scenario.pictures import FILMS
from neurosim.training.recording.recording import HISTOGRAMS

# Milliseconds that a frame lasts, and the last one.
FRAME, LAST = 100, 2500
DPI = 90


def has_ffmpeg() -> bool:
    """Whether MP4 files can be written."""
    return shutil.which("ffmpeg") is not None


def write_film(film: FilmFacts, path: Path) -> Path:
    """Draw a film into a ``.gif`` or ``.mp4`` file.

    Raises
    ------
    DataError
        When the file cannot be written, or ffmpeg fails.
    """
    write_atomically(path, film_bytes(film, path.suffix.lstrip(".")))
    return path


@own_settings()
def film_bytes(film: FilmFacts, kind: str) -> bytes:
    """A film as the content of a "gif" or "mp4" file. Raises DataError when ffmpeg fails."""
    pictures = [_pixels(made) for made in frames(film)]
    return _mp4(pictures) if kind == "mp4" else _gif(pictures)


def frames(film: FilmFacts) -> Iterator[Figure]:
    """One figure for each frame."""
    draw = function(FILMS[film.name].drawing)
    for number, place in enumerate(film.places):
        yield draw(film, number, place)


def _pixels(made: Figure) -> NDArray[np.uint8]:
    made.set_dpi(DPI)
    drawn = FigureCanvasAgg(made)
    drawn.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(drawn.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    # MP4 needs an even number of pixels in both directions.
    return np.ascontiguousarray(pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2])


def _gif(pictures: list[NDArray[np.uint8]]) -> bytes:
    # One palette for all frames, or colors would flicker: from the start, the middle and the end together.
    several = np.concatenate([pictures[0], pictures[len(pictures) // 2], pictures[-1]])
    # Small marks keep their own colors, however much of the picture is pale.
    palette = Image.fromarray(several).quantize(200, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    images = [Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    images[0].save(
        buffer, format="GIF", save_all=True, append_images=images[1:], loop=0,
        duration=[FRAME] * (len(images) - 1) + [LAST],
    )  # fmt: skip
    return buffer.getvalue()


def _mp4(pictures: list[NDArray[np.uint8]]) -> bytes:
    import tempfile

    high, wide = pictures[0].shape[:2]
    held = pictures + [pictures[-1]] * (LAST // FRAME - 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        at_sudden_end(lambda: shutil.rmtree(folder, ignore_errors=True)),
    ):
        target = Path(folder) / "film.mp4"
        command = ["ffmpeg", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{wide}x{high}"]
        command += ["-r", str(1000 // FRAME), "-i", "-", "-pix_fmt", "yuv420p", "-fflags", "+bitexact", str(target)]
        done = subprocess.run(command, input=b"".join(p.tobytes() for p in held), capture_output=True, check=False)
        if done.returncode or not target.is_file():
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise DataError(f"ffmpeg failed: {' '.join(reason) or done.returncode}", "Leave format=... out for a GIF.")
        return target.read_bytes()


def _page(film: FilmFacts, place: int, width: float, height: float) -> Figure:
    """A figure with the title and the time."""
    made = canvas(width, height, film.title)
    epoch = film.recording.epochs[place]
    when = "before training" if epoch == 0 else f"epoch {epoch:g}"
    subtitle(made, when, size=10, weight="bold")
    return made


def boundary(film: FilmFacts, number: int, place: int) -> Figure:
    """The answer over the inputs, and the loss with a marker."""
    shown = film.maps[number]
    made = _page(film, place, 8.6, 4.4)
    axes = made.add_axes((0.08, 0.14, 0.44, 0.70))
    tidy(axes)
    if len(shown.axes) == 2:
        (draw_boundary if shown.classes else draw_surface)(axes, shown)
        axes.set_ylabel(shown.labels[1])
    else:
        draw_fit(axes, shown)
        every = np.concatenate([entry.outputs[0] for entry in film.maps] + [shown.points["train"].targets[:, 0]])
        margin = 0.05 * float(np.ptp(every))
        axes.set_ylim(float(every.min()) - margin, float(every.max()) + margin)
        axes.set_ylabel(shown.answer)
    axes.set_xlabel(shown.labels[0])
    _loss(made.add_axes((0.63, 0.14, 0.34, 0.70)), film, place)
    return made


def hidden_space(film: FilmFacts, number: int, place: int) -> Figure:
    """The answer over the plane of two inputs, or else the loss, and the hidden space to the right."""
    hidden = film.hidden
    assert hidden is not None
    made = _page(film, place, 8.6, 4.6)
    left, right = (0.08, 0.13, 0.4, 0.68), (0.58, 0.13, 0.4, 0.68)
    axes = made.add_axes(right if film.maps else left)
    draw_hidden(axes, hidden, number)
    axes.set_title(f"hidden space{spread_words(hidden, number)}", fontsize=9, color=INK)
    axes.set_xlabel(hidden.labels[0])
    axes.set_ylabel(hidden.labels[1])
    if film.maps:
        shown = film.maps[number]
        axes = made.add_axes(left)
        tidy(axes)
        draw_boundary(axes, shown)
        axes.set_title("the plane of the inputs", fontsize=9, color=INK)
        axes.set_xlabel(shown.labels[0])
        axes.set_ylabel(shown.labels[1])
    else:
        _loss(made.add_axes(right), film, place)
    return made


def gradients(film: FilmFacts, number: int, place: int) -> Figure:
    """A bar for each layer, on the same axis throughout the film, and the loss with a marker."""
    recording = film.recording
    made = _page(film, place, 8.6, 4.4)
    axes = made.add_axes((0.09, 0.14, 0.44, 0.70))
    tidy(axes)
    places = recording.layers_with("gradient_norm")
    series = recording.series("gradient_norm")[:, places]
    positive = series[np.isfinite(series) & (series > 0)]
    low, high = (float(positive.min()), float(positive.max())) if positive.size else (0.1, 1.0)
    values = np.nan_to_num(series[place])
    numbers = np.arange(1, len(places) + 1)
    axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(low / 2, high * 2)
    axes.bar(numbers, np.maximum(values, low / 2), width=0.7, color=COLORS[0])
    whole_numbers(axes.xaxis)
    axes.set_xlim(0.4, len(places) + 0.6)
    axes.set_xlabel("layer (1 = first)")
    axes.set_ylabel("gradient norm (logarithmic)")
    _loss(made.add_axes((0.63, 0.14, 0.34, 0.70)), film, place)
    return made


def histograms(film: FilmFacts, number: int, place: int) -> Figure:
    """How the activations, or else the weights, of each layer are distributed."""
    recording = film.recording
    quantity = next(name for name in HISTOGRAMS if name in recording.quantities)
    places, chosen = recording.layers_with(quantity), some_layers(recording, quantity)
    count = len(chosen)
    columns = min(count, 3)
    rows = -(-count // columns)
    width, height = max(2.7 * columns + 0.4, 6.0), 0.95 + 1.9 * rows
    made = _page(film, place, width, height)
    margins(made, 0.3, 0.2, 0.45, 0.95, hspace=0.55, wspace=0.15)
    for k, layer in enumerate(chosen):
        axes = made.add_subplot(rows, columns, k + 1)
        tidy(axes)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        ends = np.array([entry[layer] for entry in recording.values[f"{quantity}_range"]], np.float64)
        low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
        bars(axes, recording, quantity, place, layer, fill=True, color=COLORS[0], alpha=0.7)
        margin = 0.03 * ((high - low) or 1.0)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_title(f"{what_of(quantity)} of layer {places.index(layer) + 1}", fontsize=8.5, color=INK)
    return made


def _loss(axes: Axes, film: FilmFacts, place: int) -> None:
    """The loss over the epochs, and the place of the frame."""
    tidy(axes)
    epochs, losses = np.array(film.history.epoch, np.float64), np.array(film.history.train_loss, np.float64)
    axes.plot(epochs, losses, color=COLORS[0], linewidth=1.4)
    now = film.recording.epochs[place]
    axes.axvline(now, color=COLORS[1], linewidth=1.0)
    if len(epochs):
        axes.plot([max(now, epochs[0])], [np.interp(now, epochs, losses)], "o", color=COLORS[1], markersize=6)
    fit_scale(axes, film.history.train_loss, "training loss")
    axes.set_xlim(0, max(film.recording.epochs[-1], 1))
    axes.set_xlabel("epoch")
