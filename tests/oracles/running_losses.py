"""Losses of one row that hand numbers on from one round of a loop to the next, or end a loop early."""

import math

# Gradients in one pass -----


def moving_average(a, y):
    m = 0.0
    s = 0.0
    for k in range(len(a)):
        m = 0.9 * m + 0.1 * a[k]
        s += m * y[k]
    return s


def decaying_weights(a, y):
    w = 1.0
    s = 0.0
    for k in range(len(a)):
        s += w * (a[k] - y[k]) ** 2
        w = w * 0.5
    return s


def series(a, y):
    s = 0.0
    for k in range(len(a)):
        x = 0.3 * math.sin(a[k])
        p = x
        for j in range(4):
            s += p / (2 * j + 1)
            p = p * x * x
    return s / len(a)


def while_of_numbers(a, y):
    n = 0
    while n * n < 30:
        n += 1
    s = 0.0
    for k in range(len(a)):
        s += n * a[k] ** 2
    return s


def fibonacci(a, y):
    u = a[0]
    v = a[1]
    for k in range(len(a)):
        u, v = (v, 0.5 * u + a[k])
    return u * v


def squared_moving_average(a, y):
    m = 0.0
    s = 0.0
    for k in range(len(a)):
        m = 0.9 * m + 0.1 * a[k]
        s += m * m
    return s


def earth_mover(a, y):
    c = 0.0
    s = 0.0
    for k in range(len(a)):
        c += a[k] - y[k]
        s += abs(c)
    return s


def ranked_probability(a, y):
    c = 0.0
    s = 0.0
    for k in range(len(a)):
        c += a[k] - y[k]
        s += c * c
    return s


def product(a, y):
    p = 1.0
    for k in range(len(a)):
        p *= a[k]
    return p


def weighted_from_the_first(a, y):
    w = 1.0
    for k in range(len(y)):
        if y[k] > 0.0:
            w = 2.0
            break
        w = 0.5
    s = 0.0
    for k in range(len(a)):
        s += w * (a[k] - y[k]) ** 2
    return s


def two_products(a, y):
    u = 1.0
    v = 1.0
    for k in range(len(a)):
        u = u * math.sin(a[k]) + v
        v = v * u
    return u * v


def product_and_last(a, y):
    p = 1.0
    for k in range(len(a)):
        p = p * a[k]
    last = k
    return p * a[last] + a[k] * y[last]


def lorenz(a, y):
    ordered = sorted(a, reverse=True)
    c = 0.0
    s = 0.0
    for v in ordered:
        c += v
        s += c * c
    return s


# Gradients entry by entry: the rounds are not known -----


def halved(a, y):
    s = 0.0
    for k in range(len(a)):
        v = a[k]
        while v > 0.5:
            v = v * 0.5
        s += v * v
    return s


def ended_early(a, y):
    s = 0.0
    for k in range(len(a)):
        if k > 2:
            break
        s += a[k] ** 2
    return s


ONE_PASS = (
    moving_average,
    decaying_weights,
    series,
    while_of_numbers,
    fibonacci,
    squared_moving_average,
    earth_mover,
    ranked_probability,
    product,
    weighted_from_the_first,
    two_products,
    product_and_last,
    lorenz,
)
ENTRY_BY_ENTRY = (halved, ended_early)
