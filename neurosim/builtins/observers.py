"""Observers: they end a run as soon as it is good enough, on the validation rows where a scenario sets some aside."""

from neurosim.plugin import RunObserver, hookimpl


def _judged(progress, name):
    """A measure of the last epoch with its name: of the validation rows if there are any, else of the training rows."""
    for split in ("validation", "train"):
        value = progress.record.get(f"{split}_{name}")
        if value is not None:
            return f"{split}_{name}", value
    return name, None


def stop_at_loss(progress, loss):
    name, value = _judged(progress, "loss")
    if value is not None and value <= loss:
        return f"{name} is {value:.4g}, at most {loss:g}"
    return None


def stop_at_accuracy(progress, accuracy):
    name, value = _judged(progress, "accuracy")
    if value is not None and value >= accuracy:
        return f"{name} is {value:.2%}, at least {accuracy:.2%}"
    return None


@hookimpl
def neurosim_observers():
    return [
        RunObserver("stop_at_loss", epoch=stop_at_loss, params={"loss": 0.01}, source="stops when the loss is small"),
        RunObserver(
            "stop_at_accuracy",
            epoch=stop_at_accuracy,
            params={"accuracy": 1.0},
            source="stops when the accuracy is high",
        ),
    ]
