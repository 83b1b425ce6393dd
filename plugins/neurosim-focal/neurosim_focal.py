"""Focal loss: cross-entropy that gives less weight to rows that are already right (arXiv:1708.02002).

With p the probability given to the right class, it is  -(1 - p)^gamma ln p.  For two classes it is
weighted as well: class 1 by alpha, class 0 by 1 - alpha.

Both pairs with an output activation work on the margin m, the log-odds of the right class:
p = sigmoid(m), ln p = -softplus(-m) and ln(1 - p) = -softplus(m), none of which can overflow.
"""

import math

from neurosim import FromLogits, Loss, hookimpl

# Probabilities of exactly 0 and 1 have no logarithm and no odds. The pairs below need no bound.
SMALLEST_PROBABILITY = 1e-30


def softplus(x):
    """ln(1 + e^x)"""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


# From a probability p ------------------------------------------------------------------------------------


def bounded(p):
    return min(max(p, SMALLEST_PROBABILITY), 1.0)


def focal_of_probability(p, gamma):
    """-(1 - p)^gamma ln p"""
    p = bounded(p)
    return -(bounded(1.0 - p) ** gamma) * math.log(p)


def slope_of_probability(p, gamma):
    p = bounded(p)
    miss = bounded(1.0 - p)
    return miss**gamma * (gamma * math.log(p) / miss - 1.0 / p)


# From a margin m -----------------------------------------------------------------------------------------


def focal_of_margin(m, gamma):
    return math.exp(-gamma * softplus(m)) * softplus(-m)


def slope_of_margin(m, gamma):
    """(1 - p)^gamma (gamma p ln p + p - 1), as in the paper's appendix."""
    p = 1.0 / (1.0 + math.exp(-m))
    miss = 1.0 / (1.0 + math.exp(m))
    return -math.exp(-gamma * softplus(m)) * (gamma * p * softplus(-m) + miss)


# Two classes, or several that do not exclude each other: y is 0 or 1 for each output ------------------------


def weight(y, alpha):
    return alpha if y > 0.5 else 1.0 - alpha


def focal(a, y, gamma, alpha):
    total = 0.0
    for k in range(len(a)):
        p = a[k] if y[k] > 0.5 else 1.0 - a[k]
        total += weight(y[k], alpha) * focal_of_probability(p, gamma)
    return total / len(a)


def focal_gradient(a, y, da, gamma, alpha):
    for k in range(len(a)):
        p = a[k] if y[k] > 0.5 else 1.0 - a[k]
        side = 1.0 if y[k] > 0.5 else -1.0
        da[k] = side * weight(y[k], alpha) * slope_of_probability(p, gamma) / len(a)


def sigmoid_focal(z, a, y, gamma, alpha):
    total = 0.0
    for k in range(len(z)):
        m = z[k] if y[k] > 0.5 else -z[k]
        total += weight(y[k], alpha) * focal_of_margin(m, gamma)
    return total / len(z)


def sigmoid_focal_gradient(z, a, y, dz, gamma, alpha):
    for k in range(len(z)):
        side = 1.0 if y[k] > 0.5 else -1.0
        dz[k] = side * weight(y[k], alpha) * slope_of_margin(side * z[k], gamma) / len(z)


# One class of several: y is its index -----------------------------------------------------------------------


def categorical_focal(a, y, gamma):
    return focal_of_probability(a[y], gamma)


def categorical_focal_gradient(a, y, da, gamma):
    for k in range(len(a)):
        da[k] = 0.0
    da[y] = slope_of_probability(a[y], gamma)


def log_sum_of_others(z, y):
    """ln of the sum of e^z over all classes but y; the margin of a softmax is z[y] less this."""
    largest = -math.inf
    for k in range(len(z)):
        if k != y:
            largest = max(largest, z[k])
    total = 0.0
    for k in range(len(z)):
        if k != y:
            total += math.exp(z[k] - largest)
    return largest + math.log(total)


def softmax_focal(z, a, y, gamma):
    return focal_of_margin(z[y] - log_sum_of_others(z, y), gamma)


def softmax_focal_gradient(z, a, y, dz, gamma):
    others = log_sum_of_others(z, y)
    slope = slope_of_margin(z[y] - others, gamma)
    for k in range(len(z)):
        dz[k] = -slope * math.exp(z[k] - others)
    dz[y] = slope


@hookimpl
def neurosim_losses():
    return [
        Loss(
            "focal",
            focal,
            focal_gradient,
            params={"gamma": 2.0, "alpha": 0.25},
            from_logits=(FromLogits("sigmoid", sigmoid_focal, sigmoid_focal_gradient),),
            source="arXiv:1708.02002, equation 5",
        ),
        Loss(
            "categorical_focal",
            categorical_focal,
            categorical_focal_gradient,
            targets="classes",
            params={"gamma": 2.0},
            from_logits=(FromLogits("softmax", softmax_focal, softmax_focal_gradient),),
            source="arXiv:1708.02002, equation 4",
        ),
    ]
