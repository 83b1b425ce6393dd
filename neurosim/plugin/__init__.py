"""The public contract of plugins: the marker, the hooks and the records they return."""

from neurosim.plugin.contracts import (
    Activation,
    DataRequest,
    Dataset,
    FeedbackSchedule,
    FromLogits,
    Initializer,
    Loss,
    Optimizer,
    RowActivation,
    Schedule,
    Table,
)
from neurosim.plugin.hookspecs import hookimpl

__all__ = [
    "Activation",
    "DataRequest",
    "Dataset",
    "FeedbackSchedule",
    "FromLogits",
    "Initializer",
    "Loss",
    "Optimizer",
    "RowActivation",
    "Schedule",
    "Table",
    "hookimpl",
]
