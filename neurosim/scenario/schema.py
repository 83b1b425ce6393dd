"""The shape of a scenario file: its sections, keys and types, as pydantic models.

The models know nothing of the registry: whether a name exists and which parameters it takes is
checked in `name_checks.py`. The descriptions are what editors show, by way of the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from neurosim.network.network_section import NetworkSection
from neurosim.network.sections import Choice, Label, Naming, Number, Parameter, Section, choice
from neurosim.printable import headline
from neurosim.scenario.augmentation import AugmentationSection
from neurosim.scenario.play import PlaySection
from neurosim.scenario.seeds import LARGEST_SEED
from neurosim.scenario.study import MAX_VARIANTS, Claim, Metric, PlotsSection, Promise, RecordSection, Variant
from neurosim.scenario.sweep_section import SweepSection


class ScenarioSection(Section):
    """What the scenario is called and what it teaches."""

    name: str = Field(
        pattern="^[a-z0-9-]+$",
        max_length=64,
        description="Short name, part of the run folder's name: lower-case letters, digits and hyphens.",
    )
    title: str = Field(description="One line that says what the scenario shows.")
    seed: int = Field(
        default=0,
        ge=0,
        le=LARGEST_SEED,
        description="Decides initial weights, order of the rows, dropout and augmentation; data.seed decides the rows.",
    )
    repeats: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Train this many times, from the seeds seed, seed + 1, ...; results are means over them.",
    )
    lesson: str = Field(default="", description="What to look for; printed after the run.")
    changed: list[str] | None = Field(
        default=None,
        description="Written by neurosim into a run's copy: which overrides have changed something that the lesson "
        "speaks of.",
    )

    @property
    def headline(self) -> str:
        """The title as it is shown: one line, printable, and cut where it is very long."""
        return headline(self.title)


class Normalize(Section):
    """Fixed numbers to scale every feature with: (value - mean) / std."""

    mean: Number = Field(description="Subtracted from every feature.")
    std: Number = Field(gt=0, description="Every feature is divided by it.")


# Keys of [data] that say what the network gets of a row, not which rows there are.
OF_INPUTS = ("inputs", "normalize", "standardize")
# Options of data sets that are paths of files and folders.
PATHS = ("file", "folder", "test_folder")


class DataSection(Naming):
    """What the network learns from; options of the data set stand beside these keys."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any] = Field(init=False)

    source: str = Field(description="A registered data set, see `neurosim list datasets`.")
    seed: int = Field(
        default=0,
        ge=0,
        le=LARGEST_SEED,
        description="Decides the rows of a random data set, and which rows are for training, validation and test.",
    )
    validation_fraction: Number = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the rows, the same of each class, set aside to monitor training; not learned from.",
    )
    test_fraction: Number = Field(
        default=0.0, ge=0, lt=1, description="Share of the rows, the same of each class, set aside for the final test."
    )
    normalize: Normalize | None = Field(
        default=None, description="Scale every feature with the same fixed numbers: (value - mean) / std."
    )
    standardize: bool = Field(
        default=False,
        description="Scale each feature to mean 0 and standard deviation 1, as measured on the training rows; "
        "categories stay 0 and 1.",
    )
    standardize_targets: bool | None = Field(
        default=None,
        description="Regression: scale each target to mean 0 and standard deviation 1 on the training rows; "
        "predictions stay in its own units. Left out: true for csv and arrays with a linear output layer, else false.",
    )
    ignore: list[Label] | None = Field(
        default=None,
        min_length=1,
        description='Classes whose rows are left out, as if they were not there, such as ["unknown"]; left out: none.',
    )
    inputs: list[Label] | None = Field(
        default=None,
        min_length=1,
        description='What the network gets, made of the features before they are scaled: such as ["x1", "x1^2", '
        '"x1*x2", "sin(x1)"]; left out: the features themselves.',
    )

    @property
    def options(self) -> dict[str, Any]:
        """Options of the data set: after loading, all that it has, in its order."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def paths(self) -> dict[str, str]:
        """The options that are paths of files and folders, as far as they are given."""
        return {key: path for key in PATHS if isinstance(path := self.options.get(key), str) and path}

    def with_paths(self, paths: Mapping[str, str]) -> DataSection:
        """The section with other paths."""
        return self.model_copy(update=dict(paths))


class OptimizerSection(Naming):
    """How the gradients change the parameters; parameters of the optimizer stand beside these keys."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Parameter] = Field(init=False)

    name: str = Field(
        description="A registered optimizer, see `neurosim list optimizers`.",
        json_schema_extra={"names": "optimizers"},
    )
    schedule: Choice | None = choice(
        "schedules", "How the learning rate changes over the run; left out: not at all.", default=None
    )
    schedules: dict[str, Annotated[Choice, Field(json_schema_extra={"names": "schedules"})]] | None = Field(
        default=None,
        description="How other parameters of the optimizer change over the run, each by a schedule of its own, such as "
        '{ momentum = "cosine" }; left out: not at all.',
    )
    biases: dict[str, Parameter] | None = Field(
        default=None,
        description="Parameters of the optimizer with other values for biases, gamma and beta than for weights, "
        "such as { weight_decay = 0.0 }; left out: none.",
    )

    @property
    def all_schedules(self) -> dict[str, Choice]:
        """The schedules by the parameter that each of them changes, that of the learning rate first."""
        return {**({"lr": self.schedule} if self.schedule is not None else {}), **(self.schedules or {})}

    @property
    def params(self) -> dict[str, Any]:
        """Parameters by name: after loading, all that the optimizer has, in its order."""
        return dict(self.__pydantic_extra__ or {})


class EarlyStopping(Section):
    """When to stop before the last epoch: once a measure has stopped improving for some epochs."""

    metric: Metric = Field(
        default="validation_loss",
        description="The measure to watch: of a loss smaller is better, of an accuracy larger.",
    )
    patience: int = Field(
        default=5, ge=1, le=2**31 - 1, description="Stop after this many epochs in a row without a better value."
    )
    min_delta: Number = Field(
        default=0.0, ge=0, description="By how much a value has to beat the best one before it to count as better."
    )


class AverageSection(Section):
    """An average of the weights over training, which is measured and kept in place of the weights themselves."""

    kind: Literal["ema", "swa", "polyak"] = Field(
        description="ema: after each step a little of the weights is mixed in; polyak: the mean of the weights after "
        "all steps; swa: the mean of the weights after all epochs."
    )
    decay: Number | None = Field(
        default=None, gt=0, lt=1, description="For ema: the share of the average that each step keeps; left out: 0.999."
    )
    start: int = Field(
        default=1,
        ge=1,
        le=2**31 - 1,
        description="Epoch from which the weights are averaged; until then, the weights themselves are measured.",
    )


class TrainingSection(Section):
    """How long and in which portions to train."""

    epochs: int = Field(ge=0, le=2**31 - 1, description="Passes over the training rows; 0 just looks.")
    batch_size: int = Field(default=32, ge=1, le=2**31 - 1, description="Rows per step of the optimizer.")
    batch_schedule: Choice | None = choice(
        "schedules",
        "How the batch size changes from epoch to epoch, by a schedule that counts epochs or follows the losses; left "
        "out: not at all.",
        default=None,
    )
    shuffle: bool = Field(default=True, description="Whether each epoch has a new random order of the rows.")
    clip_value: Number | None = Field(
        default=None, gt=0, description="Gradients beyond this number, up or down, are set to it; or use clip_norm."
    )
    clip_norm: Number | None = Field(
        default=None, gt=0, description="A gradient longer than this, over all parameters, is scaled down to it."
    )
    metrics: list[Annotated[Choice, Field(json_schema_extra={"names": "metrics"})]] | None = Field(
        default=None,
        description="What else to measure after each epoch on each split, such as f1; see `neurosim list metrics`.",
    )
    observers: list[Annotated[Choice, Field(json_schema_extra={"names": "observers"})]] | None = Field(
        default=None,
        description="Observers, which hear of each epoch and may stop the run; see `neurosim list observers`.",
    )
    early_stopping: EarlyStopping | None = Field(
        default=None, description="Stop before the last epoch when a measure stops improving; left out: never."
    )
    keep_best: Metric | None = Field(
        default=None,
        description="End with the weights of the epoch in which this measure was best; left out: of the last epoch.",
    )
    average: AverageSection | None = Field(
        default=None,
        description='Measure and keep an average of the weights over training, such as { kind = "ema", decay = 0.99 }; '
        "left out: the weights themselves.",
    )
    checkpoint_every: int | None = Field(
        default=None,
        ge=1,
        le=2**31 - 1,
        description="Write a checkpoint after each so many epochs; left out: at ends of epochs, every few seconds.",
    )


class Bound(Section):
    """What a measure at the end of the run must be."""

    at_least: Number | None = Field(default=None, description="Smallest value that is right.")
    at_most: Number | None = Field(default=None, description="Largest value that is right.")

    @model_validator(mode="after")
    def _says_something(self) -> Bound:
        if self.at_least is None and self.at_most is None:
            raise PydanticCustomError("bound", "expected at_least or at_most, or both")
        return self


class RequiresSection(Section):
    """What must be there for the scenario to run."""

    plugins: list[str] = Field(
        default=[], description='Plugins and their versions, such as "neurosim-swish>=1.0"; never loaded from here.'
    )


class ScenarioFile(Section):
    """A neurosim scenario: what to train, on what data, how, and what the result must be."""

    scenario: ScenarioSection = Field(description="What the scenario is called and what it teaches.")
    data: DataSection = Field(description="What the network learns from.")
    augmentation: AugmentationSection = Field(
        default=AugmentationSection(), description="Random changes of the training images, new ones in each epoch."
    )
    network: NetworkSection = Field(description="The network and what it is to make small.")
    optimizer: OptimizerSection = Field(description="How the gradients change the parameters.")
    training: TrainingSection = Field(description="How long and in which portions to train.")
    expect: dict[Promise, Bound] = Field(
        default={}, description="What the run must show, such as train_accuracy = { at_least = 1.0 }."
    )
    record: RecordSection | None = Field(
        default=None, description="What to record of every layer during training; left out: nothing."
    )
    plots: PlotsSection = Field(default=PlotsSection(), description="How the variants are drawn together.")
    variants: list[Variant] = Field(
        default=[], max_length=MAX_VARIANTS, description="Versions of the scenario that are trained and compared."
    )
    claims: list[Claim] = Field(
        default=[], description="What the results must show, also between variants; checked at the end."
    )
    play: PlaySection | None = Field(
        default=None, description="What the page of `neurosim play` shows and asks; left out: everything, and nothing."
    )
    sweep: SweepSection | None = Field(
        default=None, description="What `neurosim sweep` varies and how it searches; left out: what its options say."
    )
    requires: RequiresSection = Field(
        default=RequiresSection(), description="What must be there for the scenario to run."
    )
