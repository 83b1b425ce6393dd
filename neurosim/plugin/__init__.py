"""The public contract of plugins: the marker, the hooks and the records they return."""

from neurosim.plugin.contracts import Activation, FromLogits, Loss, Optimizer, RowActivation
from neurosim.plugin.hookspecs import hookimpl
from neurosim.plugin.host_contracts import DataRequest, Dataset, FeedbackSchedule, Initializer, Schedule, Table

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
