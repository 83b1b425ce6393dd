"""From a suspicion to a finding with a remedy that was tried."""

from __future__ import annotations

from dataclasses import replace

from neurosim.diagnosis.finding import Finding, Lines, Remedy, Trial
from neurosim.diagnosis.remedies import rate
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.trials import Trials, learns_more, shown
from neurosim.diagnosis.words import count

# If the best rate of the range test is too high for a whole training, this fraction of it may do.
CAREFUL = 0.3
UNTRIED = "not tried, as you asked"


def treat(suspicion: Suspicion, trials: Trials | None) -> Finding | None:
    """Try the remedies one after the other until one cures; otherwise keep the one that helps most.

    Without trials, the first remedy is a guess. None if only a remedy that helps could prove the suspicion, and none
    does.
    """
    finding = suspicion.finding
    if trials is None:
        guess, *_ = (*suspicion.remedies, ())
        untried = replace(finding, settings=guess, guess=UNTRIED if guess else "", advice=suspicion.advice)
        return None if suspicion.confirm else untried
    attempts: list[Trial] = []
    guesses: list[tuple[Remedy, str]] = []
    for remedy in _remedies(suspicion, trials):
        found = trials.attempt(remedy, suspicion.goal)
        if isinstance(found, Trial):
            attempts.append(found)
            if found.cured:
                break
            if not (found.helped or found.whole):
                guesses.append((remedy, f"tried: {found.words}, which may be too short to tell"))
        elif found is not None:
            guesses.append((remedy, f"not tried, because {found}"))
    helped = [trial for trial in attempts if trial.helped]
    if suspicion.confirm and not any(trial.cured or learns_more(trial) for trial in helped):
        return None
    finding = replace(finding, attempts=tuple(attempts))
    if helped:
        best = max(helped, key=lambda trial: (trial.cured, trial.after.skill or 0.0))
        partly = f"No single setting cures this: {shown(best.settings)} helps, but is not enough on its own."
        advice = "" if best.cured else f"{partly} {suspicion.advice}".strip()
        return replace(finding, settings=best.settings, tried=best, advice=advice)
    if guesses:
        return replace(finding, settings=guesses[0][0], guess=guesses[0][1], advice=suspicion.advice)
    names = "; ".join(shown(trial.settings) for trial in attempts)
    if not (attempts or suspicion.advice):
        return replace(finding, advice="None of the changes that doctor could try fits this scenario.")
    none = f"No single setting cures this. Tried without success: {names}. " if attempts else ""
    return replace(finding, advice=f"{none}{suspicion.advice}".strip())


def _remedies(suspicion: Suspicion, trials: Trials) -> list[Remedy]:
    if not suspicion.rates:
        return list(suspicion.remedies)
    found = trials.rates()
    best = None if found is None else found.best
    if best is None:
        return list(suspicion.remedies)
    lower = float(f"{CAREFUL * best:.0e}")
    return [rate(best), rate(lower), *suspicion.remedies]


def with_rates(finding: Finding, trials: Trials) -> Finding:
    """The finding with the range test as its picture, if there is one."""
    found = trials.rates()
    if found is None:
        return finding
    steps = count(found.steps, "step")
    lines = {
        "training loss": tuple(loss if loss < float("inf") else None for loss in found.losses),
        "before": tuple(found.begin for _ in found.rates),
    }
    picture = Lines(f"Training loss after {steps} with each learning rate", found.rates, lines, found.best,
                    "learning rate", logarithmic=True)  # fmt: skip
    return replace(finding, picture=picture)
