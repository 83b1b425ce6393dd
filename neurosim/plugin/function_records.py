"""The records whose functions run as they are: initializers, schedules and data sets.

Their functions are ordinary Python on the host and may use NumPy freely.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from neurosim.errors import DataError, UsageError
from neurosim.files.inputs import check_ordinary, unreadable
from neurosim.plugin.columns import Column
from neurosim.plugin.record import Record, Scalar
from neurosim.printable import arguments

# Keys of ``[data]`` that belong to the scenario, whatever the data set is.
SCENARIO_KEYS = (
    "source", "seed", "validation_fraction", "test_fraction", "normalize", "standardize", "standardize_targets",
    "ignore", "inputs",
)  # fmt: skip


@dataclass(frozen=True)
class Initializer(Record):
    """The initial values of a layer.

    Parameters
    ----------
    name : str
        How scenarios call it.
    weight : function ``weight(random, shape, fan_in, fan_out, *params) -> array``
        Initial values of the weights; `random` is a `neurosim.randomness.Stream`, `shape` the shape
        to return, `fan_in` and `fan_out` the numbers of inputs and outputs of one unit.
    bias : the same, or None
        Initial values of the biases; zeros when left out.
    params : mapping of str to float or tuple of float
        Parameters and their defaults.
    source : str
        Where the rule comes from.
    """

    kind: ClassVar[str] = "initializer"
    name: str
    weight: Callable[..., Any]
    bias: Callable[..., Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("weight", self.weight, "random", "shape", "fan_in", "fan_out")
        if self.bias is not None:
            self._check("bias", self.bias, "random", "shape", "fan_in", "fan_out")


@dataclass(frozen=True)
class Schedule(Record):
    """How the learning rate, another parameter of the optimizer or the batch size changes over a run.

    Parameters
    ----------
    name : str
        How scenarios call it.
    factor : function ``factor(step, steps, *params) -> float``
        What it is multiplied by at `step` (from 0) of `steps` in the whole run; with another `unit`, in the
        epoch `step` of `steps` epochs.
    params : mapping of str to float or tuple of float
        Parameters and their defaults.
    source : str
        Where the rule comes from.
    unit : "steps" or "epochs"
        What it counts. A factor by epochs stays the same for all steps of an epoch.
    """

    kind: ClassVar[str] = "schedule"
    name: str
    factor: Scalar
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    unit: Literal["steps", "epochs"] = "steps"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_word("unit", self.unit, ("steps", "epochs"))
        self._check("factor", self.factor, self.unit.removesuffix("s"), self.unit)


@dataclass(frozen=True)
class FeedbackSchedule(Record):
    """How the learning rate, another parameter of the optimizer or the batch size follows the progress of a run.

    Parameters
    ----------
    name : str
        How scenarios call it.
    factor : function ``factor(losses, *params) -> float``
        What it is multiplied by in the next epoch. `losses` is the list of the
        losses after each epoch so far, empty before the first: of the validation rows where a
        scenario keeps some apart, else of the training rows. It depends on its arguments only, and
        changes none of them.
    params : mapping of str to float or tuple of float
        Parameters and their defaults.
    source : str
        Where the rule comes from.
    """

    kind: ClassVar[str] = "schedule"
    name: str
    factor: Scalar
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("factor", self.factor, "losses")


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
    target_names : tuple of str
        Names of the targets, one for each output, where they have names; of classes the name of their column.
    weights, test_weights : array (rows,) or None
        How much the loss of each row counts, in proportion to the others; None where all count the same.
    validation_features, validation_targets, validation_weights : arrays or None
        Rows that the data set itself keeps apart for monitoring the training.
    columns : tuple of Column
        The columns that the inputs were made of, in their order, where these are more than numbers with names.
    left_out : int
        How many rows there were besides, in which a value was missing.
    """

    features: Any
    targets: Any
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    test_features: Any = None
    test_targets: Any = None
    target_names: tuple[str, ...] = ()
    weights: Any = None
    test_weights: Any = None
    validation_features: Any = None
    validation_targets: Any = None
    validation_weights: Any = None
    columns: tuple[Column, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class Outline:
    """What the rows of a data set are like, without the rows: the shapes of a network follow from it, and its costs.

    Parameters
    ----------
    rows : int
        Rows to learn from.
    shape : tuple of int
        Shape of one row: (features,), or (height, width) or (height, width, channels) of an image.
    classes : tuple of str
        Names of the classes; empty for regression.
    values : int
        In regression, how many values each row has as its target.
    """

    rows: int
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    values: int = 1


@dataclass(frozen=True)
class DataRequest:
    """What a data set is given to load itself with.

    Parameters
    ----------
    random : neurosim.randomness.Stream
        Random numbers that depend on ``[data] seed`` only.
    folder : pathlib.Path
        ``<data folder>/<name of the data set>``; it need not exist.
    base : pathlib.Path
        Folder that relative paths in the scenario start from.
    vouched : set of str
        Files, as the scenario names them, that the user has named too: these may lie anywhere.
    """

    random: Any
    folder: Any
    base: Any
    vouched: frozenset[str] = frozenset()

    def file(self, name: str, option: str = "file") -> Path:
        """The file that a scenario names, if a scenario may have it read.

        A scenario may be from anybody. It is given files below its own folder and below the data folder, links
        followed, and those that the user himself has named.

        Parameters
        ----------
        name : str
            As the scenario has it; a relative path starts from `base`.
        option : str
            The data set's option that it is from, for the hint.

        Returns
        -------
        pathlib.Path
            An absolute path of an ordinary file. Nothing was opened.

        Raises
        ------
        UsageError
            When it lies elsewhere.
        DataError
            When it is missing, or a folder, a device or a pipe.
        """
        path = self._allowed(name, option)
        check_ordinary(path)
        return path

    def directory(self, name: str, option: str = "folder") -> Path:
        """The folder that a scenario names, as `file` is the file; raises DataError where it is none."""
        path = self._allowed(name, option)
        if not path.is_dir():
            what = "not a folder" if os.path.lexists(path) else "no such folder"
            raise DataError(f"{path}: {what}", "Check how the path is written.")
        return path

    def _allowed(self, name: str, option: str) -> Path:
        path = Path(self.base) / name
        if name not in self.vouched:
            self._confine(path, name, option)
        elif not Path(name).is_absolute() and not os.path.lexists(path):
            places = f"neither in the working folder ({Path.cwd()}) nor in the scenario's ({self.base})"
            raise DataError(f"{name}: no such {option}, {places}", "Check how the path is written.")
        return path

    def _confine(self, path: Path, name: str, option: str) -> None:
        places = [Path(self.base), Path(self.folder).parent]
        try:
            allowed = [place.resolve() for place in places]
            # On Windows, to follow a path to another machine would already send it the user's name.
            near = path.drive in {place.drive for place in (*places, *allowed)}
            found = path.resolve() if near else path
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a null byte, ...
            raise unreadable(path, error) from error
        if near and any(found.is_relative_to(place) for place in allowed):
            return
        # What a run leaves; whoever names the folder and not the file in it says that the run is his own.
        is_run = (Path(self.base) / "metrics.jsonl").is_file()
        of_run = f"If this is a run of yours, name its folder, {self.base}, and not the file in it. " if is_run else ""
        raise UsageError(
            f"{option} = {name!r}: {found} lies outside of the scenario's folder ({allowed[0]}) "
            f"and of the data folder ({allowed[1]}), where a scenario may not read",
            f"{of_run}If it is a file of yours:  {arguments(overrides={f'data.{option}': str(found)})}  "
            f"or  {arguments(data_dir=found.parent)}",
        )


@dataclass(frozen=True)
class Dataset(Record):
    """A source of rows to learn from.

    Parameters
    ----------
    name : str
        How scenarios call it.
    load : function ``load(request, *options) -> Table``
        Makes or reads the rows; `request` is a `DataRequest`.
    options : mapping
        Options that may stand beside ``source`` in the scenario, with their defaults. The type of
        a default is the type its option must have; a default of None makes the option required. Keys that every
        ``[data]`` has, such as ``seed``, cannot be options.
    description : str
        One line for ``neurosim list datasets``.
    source : str
        Where the data come from.
    outline : function ``outline(*options) -> Outline``, optional
        What the rows are like, where that can be said without them: then ``neurosim info`` loads none.
    several : tuple of str
        Names of options that are texts, of which a scenario may also give a list.
    """

    kind: ClassVar[str] = "dataset"
    settings: ClassVar[str] = "options"
    name: str
    load: Callable[..., Table]
    options: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    source: str = ""
    outline: Callable[..., Outline] | None = None
    several: Sequence[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("load", self.load, "request")
        if self.outline is not None:
            self._check("outline", self.outline)
        object.__setattr__(self, "several", self._checked_several())

    def _checked_several(self) -> tuple[str, ...]:
        names: Any = self.several
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise self._fault(f"several must be a tuple of names, not {names!r}")
        for name in names:
            if not isinstance(self.options.get(name, 0), str | None):
                raise self._fault(f"several names {name!r}, which is not one of its options that are texts")
        return tuple(names)

    def _checked_defaults(self) -> dict[str, Any]:
        taken = next((key for key in SCENARIO_KEYS if key in self.options), None)
        if taken is not None:
            raise self._fault(
                f"its option {taken!r} is a key that every [data] section has",
                "Call the option something else; request.random already follows [data] seed.",
            )
        return super()._checked_defaults()
