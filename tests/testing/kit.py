"""What the tests of the kit share."""

from neurosim.testing import check

UNCOMPILED = ("reference",)
COMPILED = ("reference", "cpu")


def failed(record, backends=COMPILED, **options):
    """What fails, by item."""
    return {v.item: v.detail for v in check(record, backends=backends, **options) if v.outcome == "failed"}


def only_failure(record, item, backends=COMPILED, **options):
    """The detail of the one item that fails."""
    found = failed(record, backends, **options)
    assert list(found) == [item], found
    return found[item]


def verdict(record, item, backends=UNCOMPILED, **options):
    """The verdict on one item."""
    return next(v for v in check(record, backends=backends, **options) if v.item == item)
