"""A network for rows that are given in Python, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neurosim.data.arrays import table_of
from neurosim.data.columns import Encoding
from neurosim.errors import UsageError
from neurosim.plugin import Table
from neurosim.runs.options import RunOptions
from neurosim.runs.results import Result
from neurosim.runs.running import run
from neurosim.scenario.load import scenario

NAME = "fit"


def fit(
    X: object,
    y: object,
    *,
    hidden: Sequence[int] = (32, 32),
    activation: str | Mapping[str, Any] = "relu",
    task: str = "auto",
    categorical: Sequence[str] = (),
    missing: str = "refuse",
    epochs: int = 100,
    batch_size: int = 32,
    optimizer: str | Mapping[str, Any] = "adam",
    validation: object = None,
    test: object = None,
    options: RunOptions | None = None,
    **more: Any,
) -> Result:
    """Train a network of dense layers on rows that are given, and return the result: ``fit(X, y).predict(X_new)``.

    The features are standardized, and so are targets that are values. Classes are learned by softmax and
    cross-entropy, values by a linear output and the mean squared error.

    Parameters
    ----------
    X : array (rows, features), or table
        Numbers; of images (rows, height, width[, channels]). A table of pandas, polars or pyarrow keeps its names, and
        may have columns of words.
    y : array, column of a table, or name of a column of X
        Classes, by name or number, or values (rows,) or (rows, outputs).
    hidden : sequence of int
        Units of each hidden layer; empty for none.
    activation : str or mapping
        Of the hidden layers, as a scenario names it.
    task : {"auto", "classification", "regression"}
        What y is; see the data set ``csv``.
    categorical : sequence of str
        Columns of numbers that are categories, such as postal codes; columns of words are so anyway.
    missing : {"refuse", "mean", "drop"}
        What is done about missing values: the mean of the training rows, or leave out the row.
    epochs, batch_size : int
        How long and in which portions to train.
    optimizer : str or mapping
        As in ``[optimizer]``: ``"sgd"``, ``{"name": "adam", "lr": 0.01}``.
    validation, test : pair (X, y), optional
        Rows to monitor the training with, and for the final test.
    options : RunOptions, optional
        How to run it; what is given by name comes first.
    **more
        Fields of `RunOptions`, such as ``out``, ``seed`` and ``overrides={"data.test_fraction": 0.2}``.

    Returns
    -------
    Result
        ``result.scenario.to_toml()`` is the scenario: the beginning of one of your own.

    Raises
    ------
    NeurosimError
        As `run` does.
    """
    if "data" in more:
        raise UsageError("fit takes the rows as X and y", "neurosim.fit(X, y)")
    table = table_of((X, y), validation, test, task, Encoding(categorical, (), missing))
    how = replace(options or RunOptions(), **more)
    made = scenario(
        {
            "scenario": {"name": NAME, "title": _title(table)},
            "data": {
                "task": task,
                "categorical": list(categorical),
                "missing": missing,
                "standardize": table.features.dtype.kind == "f",
            },
            "network": {
                "loss": "categorical_cross_entropy" if table.classes else "mse",
                "layers": [
                    *({"kind": "dense", "units": units, "activation": activation} for units in hidden),
                    _output(table),
                ],
            },
            "optimizer": optimizer if isinstance(optimizer, Mapping) else {"name": optimizer},
            "training": {"epochs": epochs, "batch_size": min(batch_size, len(table.features))},
        },
        overrides=how.overrides,
        plugins=how.plugins,
    )
    return run(made, replace(how, data=table, overrides=None, plugins=()))


def _title(table: Table) -> str:
    named = f"{table.target_names[0]} " if table.target_names else ""
    count = table.features.shape[1]
    features = "1 feature" if count == 1 else f"{count:,} features"
    return f"{named}from {features}" + (f": {len(table.classes)} classes" if table.classes else "")


def _output(table: Table) -> dict[str, Any]:
    if table.classes:
        return {"kind": "dense", "units": len(table.classes), "activation": "softmax"}
    return {"kind": "dense", "units": table.targets.shape[1]}
