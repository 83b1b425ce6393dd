"""Scenario files: what to train, on what, how, and what must come of it."""

from neurosim.scenario.catalog import shipped
from neurosim.scenario.load import Scenario, load_scenario

__all__ = ["Scenario", "load_scenario", "shipped"]
