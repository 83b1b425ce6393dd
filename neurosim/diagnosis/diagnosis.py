"""All diseases, looked for in one run; causes come before what they may lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from neurosim.diagnosis import capacity, data, layers, outcome, output, rates
from neurosim.diagnosis.budget import Budget
from neurosim.diagnosis.evidence import Evidence, collect
from neurosim.diagnosis.finding import Finding
from neurosim.diagnosis.formulas import broken_formula
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.treatment import treat, with_rates
from neurosim.diagnosis.trials import Trials, learns_more
from neurosim.diagnosis.words import number
from neurosim.markup import escape, table
from neurosim.training.history import History
from neurosim.training.simulator import Simulator

Check = Callable[[Evidence], Suspicion | None]
# Causes before what they may lead to.
CHECKS: dict[str, Check] = {
    "shuffled_labels": data.shuffled_labels,
    "unscaled_targets": data.unscaled_targets,
    "unscaled_inputs": data.unscaled_inputs,
    "no_probabilities": output.no_probabilities,
    "unreachable_targets": output.unreachable_targets,
    "squashed_twice": output.squashed_twice,
    "symmetric_start": layers.symmetric_start,
    "sorted_rows": data.sorted_rows,
    "strong_regularization": capacity.strong_regularization,
    "strong_augmentation": capacity.strong_augmentation,
    "exploding_gradient": layers.exploding_gradient,
    "vanishing_gradient": layers.vanishing_gradient,
    "rate_too_high": rates.rate_too_high,
    "saturation": layers.saturation,
    "dead_units": layers.dead_units,
    "class_imbalance": data.class_imbalance,
    "rate_too_low": rates.rate_too_low,
    "overfitting": outcome.overfitting,
    "rising_loss": outcome.rising_loss,
}
# Looked for if nothing else explains why little was learned, or nothing helps against it.
UNEXPLAINED: dict[str, Check] = {
    "few_steps": capacity.few_steps,
    "unlucky_start": capacity.unlucky_start,
    "too_small": capacity.too_small,
    "unsuited_rate": rates.unsuited_rate,
}
# A symptom of any of the others.
LAST: dict[str, Check] = {"class_collapse": outcome.class_collapse}

_ORIGINS = (
    "shuffled_labels", "unscaled_targets", "unscaled_inputs", "no_probabilities", "unreachable_targets",
    "squashed_twice", "symmetric_start", "sorted_rows", "strong_regularization", "strong_augmentation",
)  # fmt: skip
_NUMBERS = (*_ORIGINS[1:], "exploding_gradient")
CAUSES = {
    "exploding_gradient": _ORIGINS[1:],
    "vanishing_gradient": _NUMBERS,
    "rate_too_high": _NUMBERS,
    "saturation": (*_NUMBERS, "rate_too_high"),
    "dead_units": (*_NUMBERS, "rate_too_high"),
    "rate_too_low": (*_ORIGINS, "vanishing_gradient", "saturation", "dead_units", "class_imbalance"),
    "class_imbalance": (
        *_ORIGINS, "exploding_gradient", "vanishing_gradient", "rate_too_high", "saturation", "dead_units",
    ),
    "overfitting": ("shuffled_labels",),
    "rising_loss": ("shuffled_labels", "overfitting"),
}  # fmt: skip
# Nothing in the scenario cures these, and still they explain what follows from them.
NO_CURE = ("shuffled_labels", "class_imbalance")
RATES = ("rate_too_high", "rate_too_low", "unsuited_rate")


@dataclass(frozen=True)
class Diagnosis:
    """What was found in a run.

    Attributes
    ----------
    evidence : Evidence
        What the findings are based on.
    findings : tuple of Finding
        The diseases, causes before what they may lead to; none if nothing is wrong.
    notes : tuple of Finding
        What else is worth knowing about the run.
    """

    evidence: Evidence
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        lines = [f"<Diagnosis of {self.evidence.scenario.scenario.headline!r}: {self._summary()}>"]
        for finding in (*self.findings, *self.notes):
            lines.append(f"  {finding.name}: {_remedy(finding)}")
        return "\n".join(lines)

    def _summary(self) -> str:
        names = [
            f"{len(found)} {word}" for found, word in ((self.findings, "findings"), (self.notes, "notes")) if found
        ]
        return ", ".join(names) or "nothing wrong found"

    def _repr_html_(self) -> str:
        """The findings, for notebooks."""
        head = f"<p><b>{escape(self.evidence.scenario.scenario.headline)}</b></p>"
        found = (*self.findings, *self.notes)
        if not found:
            return f"{head}<p>Nothing wrong found.</p>"
        rows = [[one.title, number(one.number, 3), f"{one.threshold:g}", one.measure, _remedy(one)] for one in found]
        words = "".join(f"<li>{escape(one.words)}</li>" for one in found)
        return f"{head}<ol>{words}</ol>{table(['', 'measured', 'limit', 'of what', 'change'], rows, (1, 2))}"


def _remedy(finding: Finding) -> str:
    """What to change, and the outcome when it was tried."""
    settings = ", ".join(finding.settings)
    if finding.tried is not None:
        return f"{settings} (tried: {finding.tried.words})"
    return f"{settings} (a guess: {finding.guess})" if settings else finding.advice


def diagnose(run: Any, *, trials: bool = True, shared: int = 1) -> Diagnosis:
    """Look for every disease in a trained network, and try what may cure it.

    Parameters
    ----------
    run : Simulator, or a result of `neurosim.run`
        The network. Its start is recreated from its scenario and seed; it is left unchanged.
    trials : bool
        Whether to try remedies, which takes a few seconds, or up to a minute for large networks. Without trials,
        remedies are guesses, and what only a trial can prove is not found.
    shared : int
        How many diagnoses share the time that one may spend on trials, such as those of a study.
    """
    trained: Simulator = getattr(run, "simulator", run)
    evidence = collect(trained.fresh(), trained)
    return judge(evidence, Trials(trained.fresh(), trained, "", Budget(shared)) if trials else None)


def diagnose_failed(
    fresh: Simulator, failure: str, history: History, *, trials: bool = True, shared: int = 1
) -> Diagnosis:
    """The same for a run that failed and left no network.

    Parameters
    ----------
    fresh : Simulator
        A simulator of its scenario, not trained yet; it is left unchanged.
    failure : str
        Why training failed.
    history : History
        The epochs before that.
    trials, shared : bool, int
        As in `diagnose`.
    """
    evidence = collect(fresh.fresh(), None, failure, history)
    return judge(evidence, Trials(fresh, None, failure, Budget(shared)) if trials else None)


def judge(evidence: Evidence, trials: Trials | None) -> Diagnosis:
    """Look for every disease in the evidence, and try remedies for those that no other explains."""
    broken = broken_formula(evidence)
    if broken is not None:
        # It explains all else, and no setting cures it.
        return Diagnosis(evidence, (broken,))
    found: dict[str, Finding] = {}
    notes: dict[str, Finding] = {}

    def look(name: str, check: Check, causes: tuple[str, ...]) -> None:
        suspicion = check(evidence)
        if suspicion is None:
            return
        # What no remedy helped against explains nothing else.
        there = [cause for cause in causes if cause in found]
        origins = [found[cause] for cause in there if found[cause].settings or cause in NO_CURE]
        if origins and suspicion.confirm:
            return
        finding = _following(suspicion.finding, origins) if origins else treat(suspicion, trials)
        if finding is not None:
            if trials is not None and name in RATES and not origins:
                finding = with_rates(finding, trials)
            # A run that has learned is still sick if it could have learned clearly more.
            (notes if suspicion.note and not learns_more(finding.tried) else found)[name] = finding

    for name, check in CHECKS.items():
        look(name, check, CAUSES.get(name, ()))
    if evidence.poor and not any(finding.settings or name in NO_CURE for name, finding in found.items()):
        proved = _best_explanation(evidence, trials)
        if proved is not None:
            found = {proved.name: proved} | {name: _following(finding, [proved]) for name, finding in found.items()}
    for name, check in LAST.items():
        look(name, check, tuple(found))
    if "overfitting" in found:
        notes.pop("rising_loss", None)
    return Diagnosis(evidence, tuple(found.values()), tuple(notes.values()))


def _best_explanation(evidence: Evidence, trials: Trials | None) -> Finding | None:
    """What a trial proves to have held learning back: the first that is cured, otherwise what is helped most."""
    proved: list[Finding] = []
    for name, check in UNEXPLAINED.items():
        suspicion = check(evidence)
        finding = None if suspicion is None else treat(suspicion, trials)
        if finding is not None and finding.tried is not None:
            proved.append(with_rates(finding, trials) if trials is not None and name in RATES else finding)
            if finding.tried.cured:
                return proved[-1]
    return max(proved, key=lambda finding: _skill(finding), default=None)


def _skill(finding: Finding) -> float:
    return 0.0 if finding.tried is None else finding.tried.after.skill or 0.0


def _following(finding: Finding, origins: list[Finding]) -> Finding:
    # What cures the first cause also cures what it leads to.
    first = origins[0]
    return replace(
        finding,
        follows=tuple(origin.title for origin in origins),
        settings=first.settings,
        tried=first.tried,
        guess=first.guess,
        advice=first.advice,
        expect=first.expect,
    )
