"""The losses of a run over its epochs, as evidence."""

from __future__ import annotations

from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Lines


def kept_losses(evidence: Evidence) -> list[float | None]:
    """The loss after each epoch on the validation rows, or else on the test rows."""
    history = evidence.history
    validation: list[float | None] = history.validation_loss
    return validation if any(value is not None for value in validation) else history.test_loss


def losses(evidence: Evidence, mark: int | None = None) -> Lines:
    """Both losses over the epochs; one epoch may be marked."""
    history = evidence.history
    lines = {"training loss": tuple(history.train_loss)}
    kept = kept_losses(evidence)
    if any(value is not None for value in kept):
        lines["loss on held-out rows"] = tuple(kept)
    return Lines("Loss over the epochs", tuple(history.epoch), lines, mark)
