"""The public contract of plugins: the marker, the hooks and the records they return."""

from neurosim.plugin.activation_records import Activation, RowActivation
from neurosim.plugin.checked_at import Every
from neurosim.plugin.function_records import (
    DataRequest,
    Dataset,
    FeedbackSchedule,
    Initializer,
    Outline,
    Schedule,
    Table,
)
from neurosim.plugin.gate_records import Gate
from neurosim.plugin.hookspecs import hookimpl
from neurosim.plugin.loss_records import FromLogits, Loss
from neurosim.plugin.optimizer_records import Optimizer
from neurosim.plugin.run_records import Metric, Progress, RunObserver

__all__ = [
    "Activation",
    "DataRequest",
    "Dataset",
    "Every",
    "FeedbackSchedule",
    "FromLogits",
    "Gate",
    "Initializer",
    "Loss",
    "Metric",
    "Optimizer",
    "Outline",
    "Progress",
    "RowActivation",
    "RunObserver",
    "Schedule",
    "Table",
    "hookimpl",
]
