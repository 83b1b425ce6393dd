"""Losses: the value for one row of outputs `a` and its target `y`, and the gradient `da`.

Losses that average do so over the outputs of a row. Targets of the two-class losses are 0 and 1.
An output that is NaN makes the loss NaN, and no gradient 0: as in `neurosim.builtins.activations`, what a comparison
with NaN, which is never true, leads to must keep it.
"""

import math

from neurosim.plugin import FromLogits, Loss, hookimpl


def mse(a, y):
    total = 0.0
    for k in range(len(a)):
        total += (a[k] - y[k]) * (a[k] - y[k])
    return total / len(a)


def mse_gradient(a, y, da):
    for k in range(len(a)):
        da[k] = 2.0 * (a[k] - y[k]) / len(a)


def mae(a, y):
    total = 0.0
    for k in range(len(a)):
        total += abs(a[k] - y[k])
    return total / len(a)


def mae_gradient(a, y, da):
    for k in range(len(a)):
        if a[k] > y[k]:
            da[k] = 1.0 / len(a)
        elif a[k] < y[k]:
            da[k] = -1.0 / len(a)
        else:
            # 0, or NaN.
            da[k] = a[k] - y[k]


def huber(a, y, delta):
    total = 0.0
    for k in range(len(a)):
        distance = abs(a[k] - y[k])
        if distance <= delta:
            total += 0.5 * distance * distance
        else:
            total += delta * (distance - 0.5 * delta)
    return total / len(a)


def huber_gradient(a, y, da, delta):
    for k in range(len(a)):
        da[k] = min(max(a[k] - y[k], -delta), delta) / len(a)


# A probability of exactly 0 or 1 would make the logarithm infinite; these bounds (of float32) keep
# the loss of a sure mistake finite. The pair with sigmoid needs none.
SMALLEST_PROBABILITY = 1e-30
SMALLEST_VARIANCE = 1e-12


# Label smoothing (arXiv:1512.00567, section 7) takes a share of each target and deals it out evenly over
# all classes; here there are two of them.
def smoothed(y, label_smoothing):
    return y * (1.0 - label_smoothing) + 0.5 * label_smoothing


def binary_cross_entropy(a, y, label_smoothing):
    total = 0.0
    for k in range(len(a)):
        target = smoothed(y[k], label_smoothing)
        total -= target * math.log(max(a[k], SMALLEST_PROBABILITY))
        total -= (1.0 - target) * math.log(max(1.0 - a[k], SMALLEST_PROBABILITY))
    return total / len(a)


def binary_cross_entropy_gradient(a, y, da, label_smoothing):
    for k in range(len(a)):
        variance = max(a[k] * (1.0 - a[k]), SMALLEST_VARIANCE)
        da[k] = (a[k] - smoothed(y[k], label_smoothing)) / variance / len(a)


def sigmoid_cross_entropy(z, a, y, label_smoothing):
    total = 0.0
    for k in range(len(z)):
        target = smoothed(y[k], label_smoothing)
        total += max(z[k], 0.0) - z[k] * target + math.log1p(math.exp(-abs(z[k])))
    return total / len(z)


def sigmoid_cross_entropy_gradient(z, a, y, dz, label_smoothing):
    for k in range(len(z)):
        dz[k] = (a[k] - smoothed(y[k], label_smoothing)) / len(z)


# Without smoothing only the right class counts, and the others need no logarithm; but none of them may be NaN.
def categorical_cross_entropy(a, y, label_smoothing):
    right = -math.log(max(a[y], SMALLEST_PROBABILITY))
    if label_smoothing == 0.0:
        for k in range(len(a)):
            if a[k] != a[k]:
                return a[k]
        return right
    total = 0.0
    for k in range(len(a)):
        total -= math.log(max(a[k], SMALLEST_PROBABILITY))
    return (1.0 - label_smoothing) * right + label_smoothing * total / len(a)


def categorical_cross_entropy_gradient(a, y, da, label_smoothing):
    share = label_smoothing / len(a)
    for k in range(len(a)):
        da[k] = -share / max(a[k], SMALLEST_PROBABILITY)
    da[y] = (label_smoothing - 1.0 - share) / max(a[y], SMALLEST_PROBABILITY)


def softmax_cross_entropy(z, a, y, label_smoothing):
    largest = z[0]
    for k in range(1, len(z)):
        largest = max(largest, z[k])
    total = 0.0
    for k in range(len(z)):
        total += math.exp(z[k] - largest)
    loss = math.log(total) + (largest - z[y])
    if label_smoothing == 0.0:
        return loss
    above = 0.0
    for k in range(len(z)):
        above += z[y] - z[k]
    return loss + label_smoothing * above / len(z)


def softmax_cross_entropy_gradient(z, a, y, dz, label_smoothing):
    share = label_smoothing / len(z)
    for k in range(len(z)):
        dz[k] = a[k] - share
    dz[y] = a[y] - (1.0 - label_smoothing + share)


def hinge(a, y):
    total = 0.0
    for k in range(len(a)):
        total += max(1.0 - (2.0 * y[k] - 1.0) * a[k], 0.0)
    return total / len(a)


def hinge_gradient(a, y, da):
    for k in range(len(a)):
        side = 2.0 * y[k] - 1.0
        da[k] = 0.0 if side * a[k] >= 1.0 else -side / len(a)


def perceptron(a, y):
    total = 0.0
    for k in range(len(a)):
        total += max(-(2.0 * y[k] - 1.0) * a[k], 0.0)
    return total


def perceptron_gradient(a, y, da):
    for k in range(len(a)):
        side = 2.0 * y[k] - 1.0
        da[k] = 0.0 if side * a[k] >= 0.0 else -side


# With a step output the loss is (step(z) - y) z, and descending its gradient step(z) - y is
# Rosenblatt's rule: w += lr (y - step(z)) x.
def step_perceptron(z, a, y):
    total = 0.0
    for k in range(len(z)):
        total += (a[k] - y[k]) * z[k]
    return total


def step_perceptron_gradient(z, a, y, dz):
    for k in range(len(z)):
        dz[k] = a[k] - y[k]


# The first half of the outputs are means, the second half logarithms of variances; a variance below `eps` counts as
# `eps`. Without the constant ln(2 pi) / 2.
def gaussian_nll(a, y, eps):
    total = 0.0
    for k in range(len(y)):
        error = y[k] - a[k]
        log_variance = max(a[len(y) + k], math.log(eps))
        total += 0.5 * (log_variance + error * error * math.exp(-log_variance))
    return total / len(y)


def gaussian_nll_gradient(a, y, da, eps):
    for k in range(len(y)):
        error = y[k] - a[k]
        log_variance = max(a[len(y) + k], math.log(eps))
        weight = math.exp(-log_variance)
        da[k] = -error * weight / len(y)
        slope = 0.5 * (1.0 - error * error * weight) / len(y)
        da[len(y) + k] = 0.0 if a[len(y) + k] < math.log(eps) else slope


@hookimpl
def neurosim_losses():
    return [
        Loss("mse", mse, mse_gradient, source="mean squared error"),
        Loss("mae", mae, mae_gradient, source="mean absolute error"),
        Loss("huber", huber, huber_gradient, params={"delta": 1.0}, source="Huber 1964"),
        Loss(
            "binary_cross_entropy",
            binary_cross_entropy,
            binary_cross_entropy_gradient,
            params={"label_smoothing": 0.0},
            from_logits=(FromLogits("sigmoid", sigmoid_cross_entropy, sigmoid_cross_entropy_gradient),),
            source="negative log-likelihood of a Bernoulli variable",
        ),
        Loss(
            "categorical_cross_entropy",
            categorical_cross_entropy,
            categorical_cross_entropy_gradient,
            targets="classes",
            params={"label_smoothing": 0.0},
            from_logits=(FromLogits("softmax", softmax_cross_entropy, softmax_cross_entropy_gradient),),
            source="negative log-likelihood of a categorical variable",
        ),
        Loss(
            "gaussian_nll",
            gaussian_nll,
            gaussian_nll_gradient,
            params={"eps": 1e-6},
            source="negative log-likelihood of a normal variable: means, then logarithms of variances",
            outputs_per_target=2,
        ),
        Loss("hinge", hinge, hinge_gradient, threshold=0.0, source="Cortes and Vapnik 1995"),
        Loss(
            "perceptron",
            perceptron,
            perceptron_gradient,
            from_logits=(FromLogits("step", step_perceptron, step_perceptron_gradient),),
            threshold=0.0,
            source="Rosenblatt 1958",
        ),
    ]
