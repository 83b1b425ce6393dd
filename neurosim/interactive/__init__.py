"""What a person at a prompt or in a notebook calls: functions that take anything that represents a run.

Reading order: `given` (what may stand for a run or a scenario), `looks` (diagnosis, worksheet, page, script),
`pictures` (figures and films), `futures` (replays and comparisons).
"""

from neurosim.interactive.futures import compare, replay
from neurosim.interactive.looks import diagnose, explain, export, import_onnx, write_report
from neurosim.interactive.pictures import Animation, animate, plot

__all__ = [
    "Animation",
    "animate",
    "compare",
    "diagnose",
    "explain",
    "export",
    "import_onnx",
    "plot",
    "replay",
    "write_report",
]
