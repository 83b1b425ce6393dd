"""Training one scenario for ``neurosim run``, and the exit status that the outcome asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurosim.cli.options import Presentation
    from neurosim.plots.studio import Studio
    from neurosim.runs import Result, RunOptions, Study
    from neurosim.scenario import Scenario

DIVERGED, MISSED = 4, 5


def train(scenario: Scenario, options: RunOptions, shown: Presentation, studio: Studio) -> tuple[Result | Study, int]:
    """Train a scenario, be it one network or a study, and present the outcome; a run that diverges raises."""
    outcome: Result | Study
    if scenario.is_study:
        from neurosim.cli.studies import run_study

        outcome = study = run_study(scenario, options, shown)
        if study.diverged:
            return study, DIVERGED
    else:
        from neurosim.cli.single import run_single

        outcome = run_single(scenario, options, shown, studio)
    return outcome, 0 if outcome.met else MISSED
