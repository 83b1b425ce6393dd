"""Small pictures side by side, one for each variant, of what networks answer over their whole input space."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurosim.analysis.inputs import InputMap
from neurosim.plots.inputs import draw_boundary, draw_fit, draw_surface
from neurosim.plots.style import INK, canvas, margins, tidy

MOST, COLUMNS = 12, 4
SIDE, TOP = 2.3, 0.55
Shown = Sequence[tuple[str, InputMap]]


def boundaries(title: str, shown: Shown) -> Figure:
    """The answers over the plane of two inputs."""
    made, panels = _grid(title, shown)
    for axes, (_, inputs) in zip(panels, shown, strict=False):
        draw_boundary(axes, inputs, small=True)
    return made


def surfaces(title: str, shown: Shown) -> Figure:
    """The learned functions of two inputs, each in colors of its own scale."""
    made, panels = _grid(title, shown)
    for axes, (_, inputs) in zip(panels, shown, strict=False):
        draw_surface(axes, inputs, small=True)
    return made


def fits(title: str, shown: Shown) -> Figure:
    """The learned functions of one input."""
    made, panels = _grid(title, shown)
    for axes, (_, inputs) in zip(panels, shown, strict=False):
        draw_fit(axes, inputs)
    bottom = min(axes.get_ylim()[0] for axes in panels)
    top = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(bottom, top)
    handles, labels = panels[0].get_legend_handles_labels()
    made.legend(handles, labels, loc="upper right", ncols=3, frameon=False, fontsize=9)
    return made


def _grid(title: str, shown: Shown) -> tuple[Figure, list[Axes]]:
    """Empty panels, each under the name of its variant."""
    count = min(len(shown), MOST)
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    width, height = max(columns * SIDE + 0.3, 5.5), rows * (SIDE + 0.1) + TOP
    left_out = f" (the first {MOST} of {len(shown)} variants)" if len(shown) > MOST else ""
    made = canvas(width, height, title + left_out)
    margins(made, 0.4, 0.12, 0.32, TOP + 0.28, wspace=0.2, hspace=0.32)
    panels = [made.add_subplot(rows, columns, k + 1) for k in range(count)]
    for axes, (name, _) in zip(panels, shown, strict=False):
        axes.set_title(name, fontsize=9, color=INK)
        tidy(axes, 7)
    return made, panels
