"""Sparsemax and 1.5-entmax: like softmax, they make probabilities of a row, but many of them are exactly 0.

Sparsemax (arXiv:1602.02068) gives the probabilities closest to z; 1.5-entmax (arXiv:1905.05702) lies between it and
softmax. Both subtract a threshold tau from every sum and set to 0 what is then negative:

    sparsemax:   p = max(z - tau, 0)            1.5-entmax:   p = max(z / 2 - tau, 0)^2

The threshold makes the probabilities add up to 1. It depends only on how many of them are not 0, and the papers find
that number in the sorted row.

Each has its loss, which is computed from the sums and has the gradient p - y, as cross-entropy has after softmax.
"""

import math

from neurosim import FromLogits, Loss, RowActivation, hookimpl

# Sparsemax -------------------------------------------------------------------------------------------------------


def sparsemax_threshold(z):
    """tau: algorithm 1 of the paper."""
    ordered = sorted(z, reverse=True)
    # Alone, the largest number would have probability 1.
    tau = ordered[0] - 1.0
    total = 0.0
    for k, v in enumerate(ordered):
        # Differences from the largest number keep their digits when the numbers are large.
        total += v - ordered[0]
        if 1.0 + (k + 1) * (v - ordered[0]) > total:
            tau = ordered[0] + (total - 1.0) / (k + 1)
    return tau


def sparsemax(z, a):
    tau = sparsemax_threshold(z)
    for k, v in enumerate(z):
        a[k] = max(v - tau, 0.0)


def sparsemax_backward(z, a, da, dz):
    """Where the probability is not 0, da less its mean there; elsewhere 0."""
    count = sum(1.0 for p in a if p != 0.0)
    mean = sum(d for p, d in zip(a, da, strict=True) if p != 0.0) / count
    for k, p in enumerate(a):
        dz[k] = 0.0 if p == 0.0 else da[k] - mean


# 1.5-entmax ------------------------------------------------------------------------------------------------------


def entmax15_threshold(z):
    """tau: algorithm 2 of the paper."""
    ordered = sorted(z, reverse=True)
    largest = ordered[0] / 2.0
    tau = largest - 1.0
    total = 0.0
    squares = 0.0
    for k, v in enumerate(ordered):
        x = v / 2.0 - largest
        total += x
        squares += x * x
        mean = total / (k + 1)
        left = 1.0 - (squares - total * mean)
        if left > 0.0:
            candidate = mean - math.sqrt(left / (k + 1))
            if candidate <= x:
                tau = largest + candidate
    return tau


def entmax15(z, a):
    tau = entmax15_threshold(z)
    for k, v in enumerate(z):
        root = max(v / 2.0 - tau, 0.0)
        a[k] = root * root


def entmax15_backward(z, a, da, dz):
    """As for softmax, with the square root of the probability in place of the probability."""
    roots = sum(math.sqrt(p) for p in a)
    mean = sum(math.sqrt(p) * d for p, d in zip(a, da, strict=True)) / roots
    for k, p in enumerate(a):
        dz[k] = math.sqrt(p) * (da[k] - mean)


# Their losses, from the sums z; y is the index of the right class -------------------------------------------------


def sparsemax_loss(z, y):
    """Equation 14 of the sparsemax paper, with z - tau written as p where p is not 0."""
    tau = sparsemax_threshold(z)
    total = 0.5
    for v in z:
        p = max(v - tau, 0.0)
        # (v^2 - tau^2) / 2 = p (v + tau) / 2, and v - z[y] in place of v: the sum of p is 1.
        total += 0.5 * p * ((v - z[y]) + (tau - z[y]))
    return total


def sparsemax_loss_gradient(z, y, dz):
    sparsemax(z, dz)
    dz[y] -= 1.0


def sparsemax_loss_of_sums(z, a, y):
    return sparsemax_loss(z, y)


def sparsemax_loss_of_sums_gradient(z, a, y, dz):
    sparsemax_loss_gradient(z, y, dz)


def entmax15_loss(z, y):
    """(p - y) . z + H(p), with Tsallis's entropy H(p) = (1 - sum of p^1.5) / 0.75."""
    tau = entmax15_threshold(z)
    total = 1.0 / 0.75
    for v in z:
        root = max(v / 2.0 - tau, 0.0)
        total += root * root * (v - z[y]) - root * root * root / 0.75
    return total


def entmax15_loss_gradient(z, y, dz):
    entmax15(z, dz)
    dz[y] -= 1.0


def entmax15_loss_of_sums(z, a, y):
    return entmax15_loss(z, y)


def entmax15_loss_of_sums_gradient(z, a, y, dz):
    entmax15_loss_gradient(z, y, dz)


@hookimpl
def neurosim_activations():
    return [
        RowActivation("sparsemax", sparsemax, sparsemax_backward, source="arXiv:1602.02068, algorithm 1"),
        RowActivation("entmax15", entmax15, entmax15_backward, source="arXiv:1905.05702, algorithm 2"),
    ]


@hookimpl
def neurosim_losses():
    sparse = FromLogits("sparsemax", sparsemax_loss_of_sums, sparsemax_loss_of_sums_gradient)
    between = FromLogits("entmax15", entmax15_loss_of_sums, entmax15_loss_of_sums_gradient)
    return [
        Loss(
            "sparsemax_loss",
            sparsemax_loss,
            sparsemax_loss_gradient,
            targets="classes",
            from_logits=(sparse,),
            source="arXiv:1602.02068, equation 14",
        ),
        Loss(
            "entmax15_loss",
            entmax15_loss,
            entmax15_loss_gradient,
            targets="classes",
            from_logits=(between,),
            source="arXiv:1905.05702, equation 9",
        ),
    ]
