"""The order in which the shipped scenarios are best read: the chapters of the course."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COURSE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "One unit: the perceptron (1958)": ("and", "or", "nand", "xor-perceptron"),
        "Hidden layers and backpropagation (1986)": (
            "xor",
            "xor-two-units",
            "try-hidden-units",
            "try-inputs",
            "moons",
            "spirals",
            "sine",
            "universal-approximation",
            "iris",
            "digits",
        ),
        "Training: what to adjust, and what goes wrong": (
            "loss-functions",
            "learning-rate",
            "try-learning-rate",
            "optimizers",
            "batch-size",
            "overfitting",
            "try-overfitting",
        ),
        "Depth: why it did not work, and why it does": (
            "initialization",
            "vanishing-gradient",
            "dying-relu",
            "depth",
        ),
        "Images: convolutions": ("digits-cnn", "features"),
        "MNIST": (
            "mnist",
            "mnist-quick",
            "mnist-mlp-best",
            "mnist-mlp-elastic",
            "mnist-cnn",
            "mnist-cnn-quick",
            "mnist-vgg",
            "mnist-resnet",
        ),
    }
)
# Where the networks are listed that are no lessons.
PUBLISHED = "Published networks, for neurosim info"


def lessons() -> tuple[str, ...]:
    """Names of the scenarios of the course, in its order."""
    return tuple(name for chapter in COURSE.values() for name in chapter)


def next_lesson(name: str) -> str | None:
    """The scenario that follows; None after the last one, and where `name` is none of the course."""
    return dict(zip(lessons(), lessons()[1:], strict=False)).get(name)


def chapter_of(name: str) -> str:
    """The chapter of a scenario; empty where it is none of the course."""
    return next((chapter for chapter, names in COURSE.items() if name in names), "")
