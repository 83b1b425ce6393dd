"""Scenario files: what to train, on what, how, and what must come of it."""

from neurosim.scenario.catalog import shipped
from neurosim.scenario.layers import layer_kinds
from neurosim.scenario.load import Scenario, load_scenario
from neurosim.scenario.study import Claim, RecordSection

__all__ = ["Claim", "RecordSection", "Scenario", "layer_kinds", "load_scenario", "shipped"]
