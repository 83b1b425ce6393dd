"""The records whose functions run as they are: initializers, schedules and data sets.

Their functions are ordinary Python on the host and may use NumPy freely. Like the others, every record
checks itself when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from neurosim.plugin.checks import check_arguments, check_name, frozen, frozen_numbers

Scalar = Callable[..., float]


@dataclass(frozen=True)
class Initializer:
    """The start values of a layer.

    Parameters
    ----------
    name : str
        How scenarios call it.
    weight : function ``weight(random, shape, fan_in, fan_out, *params) -> array``
        Start values of the weights; `random` is a `neurosim.randomness.Stream`, `shape` the shape
        to return, `fan_in` and `fan_out` the numbers of inputs and outputs of one unit.
    bias : the same, or None
        Start values of the biases; zeros when left out.
    params : mapping of str to float
        Parameters and their defaults.
    source : str
        Where the rule comes from.
    """

    kind: ClassVar[str] = "initializer"
    name: str
    weight: Callable[..., Any]
    bias: Callable[..., Any] | None = None
    params: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.kind, self.name)
        object.__setattr__(self, "params", frozen_numbers(self.kind, self.name, self.params))
        expected = ["<random>", "<shape>", "<fan_in>", "<fan_out>", *self.params]
        check_arguments(self.kind, self.name, "weight", self.weight, expected)
        if self.bias is not None:
            check_arguments(self.kind, self.name, "bias", self.bias, expected)


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes over a run.

    Parameters
    ----------
    name : str
        How scenarios call it.
    factor : function ``factor(step, steps, *params) -> float``
        What the learning rate is multiplied by at `step` (from 0) of `steps` in the whole run.
    params : mapping of str to float
        Parameters and their defaults.
    source : str
        Where the rule comes from.
    """

    kind: ClassVar[str] = "schedule"
    name: str
    factor: Scalar
    params: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.kind, self.name)
        object.__setattr__(self, "params", frozen_numbers(self.kind, self.name, self.params))
        check_arguments(self.kind, self.name, "factor", self.factor, ["<step>", "<steps>", *self.params])


@dataclass(frozen=True)
class FeedbackSchedule:
    """How the learning rate follows the progress of a run.

    Parameters
    ----------
    name : str
        How scenarios call it.
    factor : function ``factor(losses, *params) -> float``
        What the learning rate is multiplied by in the next epoch. `losses` is the list of the
        losses after each epoch so far, empty before the first: of the validation rows where a
        scenario keeps some apart, else of the training rows. It depends on its arguments only, and
        changes none of them.
    params : mapping of str to float
        Parameters and their defaults.
    source : str
        Where the rule comes from.
    """

    kind: ClassVar[str] = "schedule"
    name: str
    factor: Scalar
    params: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.kind, self.name)
        object.__setattr__(self, "params", frozen_numbers(self.kind, self.name, self.params))
        check_arguments(self.kind, self.name, "factor", self.factor, ["<losses>", *self.params])


@dataclass(frozen=True)
class Table:
    """The rows of a data set, as a `Dataset` returns them.

    Parameters
    ----------
    features : array (rows, features), float or uint8
        Inputs. uint8 is kept as it is and read as value / 255.
    targets : array
        Class indices (rows,) for classification, values (rows, outputs) for regression.
    classes : tuple of str
        Names of the classes; empty for regression.
    feature_names : tuple of str
        Names of the inputs, where they have names.
    image_shape : tuple of int
        (height, width) or (height, width, channels) where rows are images, else empty.
    test_features, test_targets : arrays or None
        Rows that the data set itself keeps apart for testing.
    """

    features: Any
    targets: Any
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    test_features: Any = None
    test_targets: Any = None


@dataclass(frozen=True)
class DataRequest:
    """What a data set is given to load itself with.

    Parameters
    ----------
    random : neurosim.randomness.Stream
        Random numbers that depend on the scenario's seed only.
    folder : pathlib.Path
        ``<data folder>/<name of the data set>``; it need not exist.
    base : pathlib.Path
        Folder that relative paths in the scenario start from.
    """

    random: Any
    folder: Any
    base: Any


@dataclass(frozen=True)
class Dataset:
    """A source of rows to learn from.

    Parameters
    ----------
    name : str
        How scenarios call it.
    load : function ``load(request, *options) -> Table``
        Makes or reads the rows; `request` is a `DataRequest`.
    options : mapping
        Options that may stand beside ``source`` in the scenario, with their defaults. The type of
        a default is the type its option must have; a default of None makes the option required.
    description : str
        One line for ``neurosim list datasets``.
    source : str
        Where the data come from.
    """

    kind: ClassVar[str] = "dataset"
    name: str
    load: Callable[..., Table]
    options: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        check_name(self.kind, self.name)
        object.__setattr__(self, "options", frozen(self.kind, self.name, self.options))
        check_arguments(self.kind, self.name, "load", self.load, ["<request>", *self.options])
