"""A scenario on rows that are given in Python, in place of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neurosim.data.arrays import FILE, table_of
from neurosim.data.columns import Encoding
from neurosim.data.targets import TASKS
from neurosim.errors import UsageError
from neurosim.plugin import Table
from neurosim.scenario import Scenario
from neurosim.scenario.changes import added
from neurosim.scenario.scenario import completed
from neurosim.scenario.schema import DataSection

SOURCE = "arrays"
# Data sets of tables, and the options that they share.
OF_TABLES = ("csv", SOURCE)
ABOUT_COLUMNS = ("task", "categorical", "indices", "missing")


def on_rows(scenario: Scenario, data: object, validation: object = None, test: object = None) -> Scenario:
    """The scenario, and its variants, on these rows.

    What its ``[data]`` says of splits and scaling holds for them; the options of its data set are left out, except for
    what those of one that takes rows say about targets and columns.

    Parameters
    ----------
    scenario : Scenario
    data : Table, or pair (X, y)
    validation, test : pair (X, y), optional
        See `neurosim.data.arrays.table_of`.

    Raises
    ------
    DataError, UsageError
        As `table_of`; UsageError for a study whose variants differ in their data.
    """
    options = _about_columns(scenario, scenario.data)
    task, encoding = str(options.pop("task", TASKS[0])), Encoding(**options)
    table = table_of(data, validation, test, task, encoding)
    for name, variant in scenario.variants.items():
        if variant.given.data != scenario.given.data:
            raise UsageError(
                f"variant {name} of scenario {scenario.scenario.name} has data of its own",
                "Rows can be given to one of its variants, or to a scenario whose variants share their data.",
            )
    return _on(scenario, table)


def _about_columns(scenario: Scenario, section: DataSection) -> dict[str, Any]:
    """What a section says about targets and columns, if its data set is one of tables."""
    if not (scenario.data.entry.built_in and scenario.data.record.name in OF_TABLES):
        return {}
    return {key: section.options[key] for key in ABOUT_COLUMNS if key in section.options}


def _on(scenario: Scenario, table: Table) -> Scenario:
    was = scenario.given.data
    own = {name: getattr(was, name) for name in DataSection.model_fields if name in was.model_fields_set}
    section = DataSection(**{**own, "source": SOURCE, "file": FILE, **_about_columns(scenario, was)})
    if was.source != SOURCE:
        about = scenario.scenario.model_copy(update={"changed": added(scenario.scenario.changed, ["data"])})
        scenario = replace(scenario, scenario=about)
    given = scenario.given.model_copy(update={"data": section})
    made = completed(given, scenario.path, scenario.base, scenario.registry, scenario.report)
    return replace(
        scenario,
        data=made.data,
        given=given,
        plugins=made.plugins,
        table=table,
        variants={name: _on(variant, table) for name, variant in scenario.variants.items()},
    )
