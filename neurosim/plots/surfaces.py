"""The loss on the plane of one optimizer's path, or of several paths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

from neurosim.analysis.surfaces import Path, Surface
from neurosim.plots.lines import LINES, Look, legend_beside, room_for, spans_decades
from neurosim.plots.style import COLORS, INK, figure

LEVELS = 22
# The deepest places are dark, but not so dark that the end of a path is lost in them.
_GRAYS = LinearSegmentedColormap.from_list("grays", ["#6a6a6a", "#fbfbfb"])


def loss_surface(shown: Surface, title: str, looks: Sequence[Look] = ()) -> Figure:
    """Contours of the loss, with each path from its start (circle) to its end (star)."""
    several = len(shown.paths) > 1
    room = room_for([*map(_label, shown.paths), "how far beside the plane"]) if several else 0.0
    made, (axes,) = figure(7.6 + room, 5.6, 1, title, below=0.45, beside=room + 0.5)
    losses = np.ma.masked_invalid(shown.losses)
    low, high = float(losses.min()), float(losses.max())
    # Everything far above the paths is one color.
    ways = [loss for path in shown.paths for loss in path.losses if np.isfinite(loss)]
    high = min(high, max(5 * max(ways, default=high), low * 1.01))
    wide = spans_decades((low, high))
    levels = np.geomspace(low, high, LEVELS) if wide else np.linspace(low, high if high > low else low + 1, LEVELS)
    norm = LogNorm(levels[0], levels[-1]) if wide else Normalize(levels[0], levels[-1])
    image = axes.contourf(shown.xs, shown.ys, losses, levels=levels, cmap=_GRAYS, norm=norm, extend="max")
    axes.contour(shown.xs, shown.ys, losses, levels=levels[::2], colors=["#777777"], linewidths=0.4)
    bar = made.colorbar(image, ax=axes, fraction=0.05, pad=0.03)
    bar.set_label("loss" + (" (logarithmic)" if wide else ""), fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.ax.minorticks_off()
    ticks = [float(level) for level in levels[:: (LEVELS - 1) // 7]]
    bar.set_ticks(ticks, labels=[f"{level:.2g}" for level in ticks])
    for place, path in enumerate(shown.paths):
        look = looks[place] if looks else Look((LINES if several else COLORS[1:])[place % 7], "-")
        xs, ys = path.places.T
        axes.plot(xs, ys, look.line, color="white", linewidth=3.2, alpha=0.8, zorder=2)
        axes.plot(xs, ys, look.line, color=look.color, linewidth=1.6, label=_label(path) or None, zorder=3)
        if len(xs) <= 40:
            axes.plot(xs, ys, ".", color=look.color, markersize=4, zorder=3)
        for end, shape, size in ((0, "o", 8), (-1, "*", 15)):
            # Hollow if the shade around it is not the actual loss.
            inside, edge = ("white", look.color) if path.misleads(end) else (look.color, "white")
            axes.plot(
                xs[end], ys[end], shape, color=inside, markeredgecolor=edge, markersize=size, zorder=5 if end else 4
            )
    axes.grid(False)
    axes.set_xlim(shown.xs[0], shown.xs[-1])
    axes.set_ylim(shown.ys[0], shown.ys[-1])
    whose = "paths'" if several else "path's"
    axes.set_xlabel(f"direction 1 ({shown.shares[0]:.0%} of the {whose} variance)")
    axes.set_ylabel(f"direction 2 ({shown.shares[1]:.0%})")
    if several:
        legend_beside(made, axes, room, title="loss at the end, and\nhow far beside the plane")
    made.text(0.01, 0.01, _note(shown), fontsize=8, color=INK, ha="left", va="bottom")
    return made


def _label(path: Path) -> str:
    """A path's name, the actual loss at its end, and how much of the distance there the plane does not show."""
    return f"{path.name}: {path.losses[-1]:.2g}, {path.beside:.0%}" if path.name else ""


def _note(shown: Surface) -> str:
    words = f"circle: start; star: end; shades: loss of {shown.rows} training rows on this plane"
    if len(shown.paths) == 1:
        start, end = shown.paths[0].losses
        words = f"{words}; on the path itself from {start:.3g} to {end:.3g}"
    else:
        words = f"{words}, beside which the paths lie"
    if not any(path.misleads(end) for path in shown.paths for end in (0, -1)):
        return words
    return f"{words}\nhollow: here the path lies so far beside the plane that the shade around it is not its loss"
