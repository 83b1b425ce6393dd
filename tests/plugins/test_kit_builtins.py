"""Every built-in passes the kit that plugin authors use."""

import pytest
import support

from neurosim.plugin import FeedbackSchedule
from neurosim.registry import HOOKS
from neurosim.testing import check_many

RECORDS = [entry.record for kind in HOOKS for entry in getattr(support.BUILTINS, kind)]
IDS = [f"{record.kind}-{record.name}" for record in RECORDS]
ITEMS = {
    "activation": "formula derivative range float32 reference=cpu cuda speed",
    "loss": "formula gradient range float32 reference=cpu cuda",
    "optimizer": "formula state quadratic determinism float32 reference=cpu cuda",
    "initializer": "shape values determinism seeds spread",
    "schedule": "factors course",
    "dataset": "load table determinism",
}
NEED_FILES = {"mnist", "fashion_mnist"}


@pytest.fixture(scope="module")
def verdicts():
    """Of each record, by kind and name; all at once, since starting the CUDA simulator takes time."""
    return dict(zip(IDS, check_many(RECORDS), strict=True))


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_built_in_passes(verdicts, record):
    found = verdicts[f"{record.kind}-{record.name}"]
    assert not [verdict for verdict in found if verdict.outcome == "failed"]
    pairs = [f"from logits of {pair.activation}" for pair in getattr(record, "from_logits", ())]
    if record.name == "csv" or (record.name in NEED_FILES and len(found) == 1):
        assert [verdict.outcome for verdict in found] == ["skipped"]
        return
    items = [verdict.item.replace(" = ", "=") for verdict in found]
    expected = "factors determinism course" if isinstance(record, FeedbackSchedule) else ITEMS[record.kind]
    assert [item for item in items if item not in pairs] == expected.split()
    assert [item for item in items if item in pairs] == pairs
    skipped = {verdict.item for verdict in found if verdict.outcome == "skipped"}
    assert skipped <= {"cuda"}
