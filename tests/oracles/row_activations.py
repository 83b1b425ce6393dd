"""Activations of a row, written in the ways that authors write them, whose ``backward`` is to be worked out."""

import math


def total_of(row):
    s = 0.0
    for v in row:
        s += v
    return s


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def fill(row, out):
    for k in range(len(row)):
        out[k] = math.exp(0.5 * row[k])


def elementwise(z, a):
    for k in range(len(z)):
        a[k] = math.tanh(z[k])


def spherical(z, a):
    total = 0.0
    for k in range(len(z)):
        a[k] = z[k] * z[k] + 0.01
        total += a[k]
    for k in range(len(z)):
        a[k] = a[k] / total


def standardized(z, a):
    mean = sum(z) / len(z)
    variance = 0.0
    for k in range(len(z)):
        a[k] = z[k] - mean
        variance += a[k] * a[k] / len(z)
    for k in range(len(z)):
        a[k] /= math.sqrt(variance + 1e-3)


def log_softmax(z, a):
    largest = max(z)
    s = sum(math.exp(v - largest) for v in z)
    for k in range(len(a)):
        a[k] = z[k] - largest - math.log(s)


def with_helpers(z, a):
    for k in range(len(z)):
        a[k] = softplus(z[k])
    s = total_of(a)
    for k in range(len(z)):
        a[k] = a[k] / s


def filled_by_a_helper(z, a):
    fill(z, a)
    s = sum(a)
    for k, v in enumerate(a):
        a[k] = v / s


def twice(z, a):
    s = 0.0
    for k in range(len(z)):
        a[k] = math.exp(z[k])
        s += a[k]
    for k in range(len(z)):
        a[k] = a[k] / s
    s = 0.0
    for k in range(len(z)):
        a[k] = a[k] ** 2
        s += a[k]
    for k in range(len(z)):
        a[k] = a[k] / s


def layered(z, a):
    for k in range(len(z)):
        a[k] = 0.0
        for j in range(len(z)):
            a[k] += 1.0 / (1.0 + math.exp(z[j] - z[k]))


def branches(z, a):
    for k in range(len(z)):
        if z[k] > 0.0:
            a[k] = z[k]
        else:
            a[k] = 0.1 * z[k]
    for k in range(len(z)):
        if a[k] > 0.5:
            a[k] = a[k] ** 2


def neighbors(z, a):
    for k in range(len(z)):
        a[k] = z[k]
        if k > 0:
            a[k] += 0.5 * z[k - 1] ** 2


def running_sum(z, a):
    s = 0.0
    for k in range(len(z)):
        s += z[k]
        a[k] = s


def gated(z, a):
    half = len(z) // 2
    for k in range(len(z)):
        a[k] = z[k] * math.tanh(z[(k + half) % len(z)])


def read_elsewhere(z, a):
    for k in range(len(z)):
        a[k] = z[k] * z[k]
    scale = a[0]
    for k in range(len(z)):
        for j in range(len(z)):
            scale += a[j] * z[k]
    for k in range(len(z)):
        a[k] = a[k] * scale


def by_the_largest(z, a):
    largest = max(z)
    for k in range(len(z)):
        a[k] = z[k] / (1.0 + largest * largest)


def running_product(z, a):
    s = 1.0
    for k in range(len(z)):
        s *= z[k]
        a[k] = s


def sticks(z, a):
    """Stick breaking: each takes its share of what the ones before have left."""
    left = 1.0
    for k in range(len(z)):
        share = 1.0 / (1.0 + math.exp(-z[k]))
        a[k] = share * left
        left = left * (1.0 - share)


def one_hot(z, a):
    for k in range(len(z)):
        a[k] = 1.0 if z[k] == max(z) else 0.0


def in_order(z, a):
    ordered = sorted(z)
    for k in range(len(z)):
        a[k] = z[k] - ordered[0] * ordered[k]


def from_the_median(z, a):
    ordered = sorted(z, reverse=True)
    median = ordered[len(z) // 2]
    spread = sum(abs(v - median) for v in ordered) + 0.5
    for k, v in enumerate(z):
        a[k] = (v - median) / spread


def threshold(z):
    """That of sparsemax: the sum of what is above it is 1."""
    ordered = sorted(z, reverse=True)
    tau = ordered[0] - 1.0
    total = 0.0
    for k, v in enumerate(ordered):
        total += v
        if 1.0 + (k + 1) * v > total:
            tau = (total - 1.0) / (k + 1)
    return tau


def sparsemax(z, a):
    tau = threshold(z)
    for k, v in enumerate(z):
        a[k] = max(v - tau, 0.0)


def sorted_twice(z, a):
    up = sorted(z)
    down = sorted(up, reverse=True)
    for k in range(len(up)):
        a[k] = up[k] * down[k] ** 2 + z[k]


def two_products(z, a):
    u = 1.0
    v = 1.0
    for k in range(len(z)):
        u = u * z[k] + v
        v = v * u
        a[k] = u + v


DERIVED = (
    two_products,
    in_order,
    from_the_median,
    sparsemax,
    sorted_twice,
    running_product,
    sticks,
    one_hot,
    elementwise,
    spherical,
    standardized,
    log_softmax,
    with_helpers,
    filled_by_a_helper,
    twice,
    layered,
    branches,
    neighbors,
    running_sum,
    gated,
    read_elsewhere,
    by_the_largest,
)


# What it is not worked out from, each with a word of the reason, and a mark in its line -----------------------


def halved(z, a):
    for k in range(len(z)):
        v = z[k]
        while v > 1.0:  # here
            v = v * 0.5
        a[k] = v


def from_its_own_entries(z, a):
    for k in range(len(z)):
        a[k] = z[k] + (a[k - 1] if k > 0 else 0.0)  # here


def entry_by_entry(z, a):
    a[0] = z[0]  # here
    for k in range(1, len(z)):
        a[k] = z[k] * z[0]


def in_a_loop(z, a):
    for k in range(len(z)):
        ordered = sorted(z)  # here
        a[k] = ordered[0] * z[k]


def of_the_outputs(z, a):
    for k in range(len(z)):
        a[k] = z[k] * z[k]
    ordered = sorted(a)  # here
    for k in range(len(z)):
        a[k] = a[k] - ordered[0]


REFUSED = {
    halved: "a while loop",
    from_its_own_entries: "another entry of a is used",
    entry_by_entry: "a is set other than by a loop over all entries",
    in_a_loop: "z is sorted in a loop",
    of_the_outputs: "a is sorted",
}
