"""Every built-in passes the kit that plugin authors use."""

import pytest
import support

from neurosim.plugin import FeedbackSchedule
from neurosim.plugin.host import HOOKS
from neurosim.testing import check_many

RECORDS = [entry.record for kind in HOOKS for entry in getattr(support.BUILTINS, kind)]
ITEMS = {
    "activation": "formula derivative range float32 reference=cpu cuda speed",
    "gate": "formula derivative range float32 reference=cpu cuda",
    "loss": "formula gradient range float32 reference=cpu cuda",
    "optimizer": "formula state quadratic determinism float32 reference=cpu cuda",
    "initializer": "shape values determinism seeds spread",
    "schedule": "factors course",
    "metric": "values determinism direction course",
    "observer": "calls determinism course",
    "dataset": "load table determinism",
}
NEED_FILES = {"cifar10", "mnist", "fashion_mnist"}


# Compiling each for a GPU takes a second. Of those that are, these stand for the others in the default run; that all
# formulas compile and agree is held by the tests of the backends as well.
EXAMPLES = ("softmax", "swish", "swiglu", "binary_cross_entropy", "adam")
QUICK = [
    record
    for record in RECORDS
    if record.kind not in ("activation", "gate", "loss", "optimizer") or record.name in EXAMPLES
]
REST = [record for record in RECORDS if record not in QUICK]


def label(record):
    return f"{record.kind}-{record.name}"


@pytest.fixture(scope="module")
def quick():
    """The verdicts by kind and name; all at once, since starting the CUDA simulator takes time."""
    return dict(zip(map(label, QUICK), check_many(QUICK), strict=True))


@pytest.fixture(scope="module")
def rest():
    return dict(zip(map(label, REST), check_many(REST), strict=True))


@pytest.mark.parametrize("record", QUICK, ids=label)
def test_built_in_passes(quick, record):
    check(quick[label(record)], record)


@pytest.mark.slow
@pytest.mark.parametrize("record", REST, ids=label)
def test_every_other_built_in_passes(rest, record):
    check(rest[label(record)], record)


def check(found, record):
    assert not [verdict for verdict in found if verdict.outcome == "failed"]
    pairs = [f"from logits of {pair.activation}" for pair in getattr(record, "from_logits", ())]
    without_file = record.kind == "dataset" and record.name in ("csv", "arrays", "images", "placeholder")
    if without_file or (record.name in NEED_FILES and len(found) == 1):
        assert [verdict.outcome for verdict in found] == ["skipped"]
        return
    items = [verdict.item.replace(" = ", "=") for verdict in found]
    expected = "factors determinism course" if isinstance(record, FeedbackSchedule) else ITEMS[record.kind]
    expected = "calls" if getattr(record, "log", False) else expected
    assert [item for item in items if item not in pairs] == expected.split()
    assert [item for item in items if item in pairs] == pairs
    skipped = {verdict.item for verdict in found if verdict.outcome == "skipped"}
    assert skipped <= {"cuda"}
