"""Which tables of truth a line separates: counted against the published numbers, and each contradiction added up."""

import itertools

import numpy as np
import pytest

from neurosim.worksheet.separation import contradiction


# Threshold functions of n inputs: Winder 1965; sequence A000609 of the OEIS.
@pytest.mark.parametrize(("inputs", "separable"), [(1, 4), (2, 14), (3, 104)])
def test_as_many_functions_as_are_known(inputs, separable):
    rows = np.array(list(itertools.product((0.0, 1.0), repeat=inputs)))
    found = 0
    for answers in itertools.product((0, 1), repeat=len(rows)):
        classes = np.array(answers)
        shares = contradiction(rows, classes)
        if shares is None:
            found += 1
            continue
        # The certificate itself: the same sum from both classes, with something of the strict one.
        assert (shares >= 0).all()
        sums = [(shares[classes == k, None] * np.hstack([rows, np.ones((len(rows), 1))])[classes == k]).sum(axis=0)
                for k in (0, 1)]  # fmt: skip
        np.testing.assert_allclose(*sums, atol=1e-9)
        assert shares[classes == 0].sum() > 0.5
    assert found == separable
