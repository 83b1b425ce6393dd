"""The section of a scenario that makes a lesson of the page that trains: what is shown, and what is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from neurosim.network.sections import Number, Section

# The groups of controls on the page.
Control = Literal[
    "data", "draw", "learning_rate", "optimizer", "activation", "loss", "penalties", "batch", "speed", "units",
    "layers", "weights", "download", "inputs",
]  # fmt: skip


class Goal(Section):
    """Something to reach by training: a measure, and how small the network has to be for it."""

    measure: Literal[
        "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy"
    ] = Field(description="What has to be reached, as the page shows it.")
    at_least: Number | None = Field(default=None, description="Smallest value that reaches it.")
    at_most: Number | None = Field(default=None, description="Largest value that reaches it.")
    units: int | None = Field(
        default=None, ge=1, description="With at most so many hidden units; left out: any number."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Goal:
        if self.at_least is None and self.at_most is None:
            raise PydanticCustomError("bound", "expected at_least or at_most, or both")
        return self


class Question(Section):
    """A question beside the network: a choice, a number, or a goal."""

    ask: str = Field(min_length=1, max_length=1000, description="The question.")
    options: list[str] | None = Field(
        default=None, min_length=2, max_length=8, description="Answers to choose from, of a choice."
    )
    answer: str | Number | None = Field(
        default=None, description="The right answer: one of the options, or a number. Left out: any answer counts."
    )
    within: Number | None = Field(
        default=None, ge=0, description="How far from the right number an answer may be; left out: not at all."
    )
    goal: Goal | None = Field(default=None, description="What has to be reached, in place of an answer.")
    before: bool = Field(
        default=False, description="Whether it is to be answered before training starts: a prediction."
    )
    because: str = Field(default="", max_length=1000, description="What to say once it is answered.")

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Question:
        if self.goal is not None and (self.options is not None or self.answer is not None or self.before):
            raise PydanticCustomError(
                "question", "expected a goal or an answer, and a goal cannot come before training"
            )
        if self.options is not None and self.answer is not None and self.answer not in self.options:
            raise PydanticCustomError("question", "expected an answer that is one of the options")
        if self.options is None and isinstance(self.answer, str):
            raise PydanticCustomError("question", "expected a number as the answer, or options to choose from")
        if self.within is not None and not isinstance(self.answer, float):
            raise PydanticCustomError("question", "expected a number as the answer, since within is given")
        return self

    @property
    def kind(self) -> str:
        """``choice``, ``number`` or ``goal``."""
        return "goal" if self.goal is not None else "choice" if self.options is not None else "number"

    def is_right(self, given: object) -> bool | None:
        """Whether an answer is right; None where there is no right one, or only the page can tell."""
        if self.answer is None:
            return None
        if self.kind == "choice":
            return given == self.answer
        assert isinstance(self.answer, float)
        if not isinstance(given, int | float) or isinstance(given, bool):
            return False
        return abs(given - self.answer) <= (self.within or 0.0)


class PlaySection(Section):
    """The scenario as a lesson on the page that trains."""

    controls: list[Control] | None = Field(default=None, description="The controls that are shown; left out: all.")
    text: str = Field(default="", max_length=10_000, description="What stands beside the network; blank lines part it.")
    questions: list[Question] = Field(default=[], max_length=20, description="What is asked, in this order.")
