"""A formula of a plugin that makes numbers that are not finite out of ordinary ones: no setting cures that."""

from __future__ import annotations

import math

import numpy as np

from neurosim.backends.formula_blame import blamed_in
from neurosim.diagnosis.curves import losses
from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Finding


def broken_formula(evidence: Evidence) -> Finding | None:
    """A run that diverged because of a formula, as its message says."""
    blamed = blamed_in(evidence.failure)
    if blamed is None:
        return None
    what, file = blamed
    given = what.partition(" for ")[2].rpartition(" (")[0]
    return Finding(
        "broken_formula",
        "A formula gives no finite number",
        f"{evidence.failure[:1].upper()}{evidence.failure[1:]}. Whatever follows from it is not finite either.",
        "size of the number that the formula gives",
        math.inf,
        float(np.finfo(np.float32).max),
        "float32 holds no larger numbers",
        losses(evidence),
        "training that does not diverge there",
        advice=f"Correct the formula, so that it gives a finite number for {given}. "
        f"neurosim plugins check {file}  tries many inputs.",
    )
