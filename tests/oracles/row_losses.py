"""Losses of one row, written in the ways that authors write them, whose gradients are to be worked out."""

import math

TERMS = 5


def square(x):
    return x * x


def hub(x, d):
    if abs(x) <= d:
        return 0.5 * x * x
    return d * (abs(x) - 0.5 * d)


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def newton(x):
    y = 1.0
    n = 0
    while n < 20:
        y = y - (y * y * y + y - x) / (3 * y * y + 1)
        n += 1
    return y


def distance(row, target):
    total = 0.0
    for k in range(len(row)):
        total += square(row[k] - target[k])
    return total


def mean(row):
    s = 0.0
    for k in range(len(row)):
        s += row[k]
    return s / len(row)


def second(row, i):
    return row[i]


def largest(row):
    best = row[0]
    for k in range(1, len(row)):
        if row[k] > best:
            best = row[k]
    return best


def lse(row):
    m = largest(row)
    s = 0.0
    for k in range(len(row)):
        s += math.exp(row[k] - m)
    return m + math.log(s)


def atanh_series(x):
    power = x
    total = 0.0
    for k in range(TERMS):
        total += power / (2 * k + 1)
        power = power * x**2
    return total


# Gradients in one pass -----


def squares(a, y):
    s = 0.0
    for k in range(len(a)):
        s += (a[k] - y[k]) ** 2
    return s / len(a)


def named_length(a, y):
    n = len(a)
    s = 0.0
    for k in range(n):
        d = a[k] - y[k]
        s = s + d * d
    return s / n


def neighbors(a, y):
    s = 0.0
    for k in range(1, len(a)):
        s += a[k] * a[k - 1] * y[k]
    return s


def single_entries(a, y):
    return a[0] * a[0] - a[len(a) - 1] * y[0] + a[-1]


def with_helpers(a, y):
    return distance(a, y) / len(a) + square(a[0])


def with_helpers_of_rows(a, y):
    return lse(a) - mean(a) * second(y, 1) + second(a, 2) ** 2


def largest_entry(a, y):
    best = a[0]
    for k in range(1, len(a)):
        best = max(best, a[k])
    return best * best


def log_sum_exp(a, y):
    m = a[0]
    for k in range(len(a)):
        m = max(a[k], m)
    t = 0.0
    for k in range(len(a)):
        t += math.exp(a[k] - m)
    return math.log(t) + m - a[1]


def all_pairs(a, y):
    s = 0.0
    for i in range(len(a)):
        for j in range(len(a)):
            s += softplus(a[i] - a[j]) * y[i]
    return s


def ranked_pairs(a, y):
    s = 0.0
    for i in range(len(a)):
        for j in range(i + 1, len(a)):
            if y[i] > y[j]:
                s += math.log1p(math.exp(a[j] - a[i]))
    return s


def sums_in_sums(a, y):
    s = 0.0
    for i in range(len(a)):
        t = 0.0
        for j in range(len(a)):
            t += (a[i] - a[j]) * y[j]
        s += t * t
    return s


def early_return(a, y):
    if a[0] > 0.0:
        return a[1] * a[1]
    s = 0.0
    for k in range(len(a)):
        if a[k] < 0.0:
            continue
        s += a[k] ** 3
    return s * a[0]


def variance(a, y):
    m = 0.0
    for k in range(len(a)):
        m += a[k] / len(a)
    v = 0.0
    for k in range(len(a)):
        v += (a[k] - m) ** 2
    return math.sqrt(v / len(a) + 0.01) * v


def cosine(a, y):
    d = 0.0
    u = 0.0
    w = 0.0
    for k in range(len(a)):
        d += a[k] * y[k]
        u += a[k] * a[k]
        w += y[k] * y[k]
    return 1.0 - d / math.sqrt(u * w + 1e-08)


def branching_helper(a, y):
    s = 0.0
    for k in range(len(a)):
        s += hub(a[k] - y[k], 0.7)
    return s / len(a)


def helper_with_a_loop(a, y):
    s = 0.0
    for k in range(len(a)):
        s += newton(a[k] * y[k])
    return s / len(a)


def helper_with_a_series(a, y):
    s = 0.0
    for k in range(len(a)):
        s += atanh_series(0.3 * math.sin(a[k])) * y[k]
    return s / len(a)


def polynomial(a, y):
    s = 0.0
    for k in range(len(a)):
        for j in range(4):
            s += 0.3 * a[k] ** j
    return s


def branches(a, y):
    s = 0.0
    for k in range(len(a)):
        if a[k] > y[k]:
            e = 2.0 * (a[k] - y[k])
        elif a[k] > 0.0:
            e = math.exp(a[k])
        else:
            e = 0.5
        s += e * e
    return s


def choice(a, y):
    s = 0.0
    for k in range(len(a)):
        s += (math.exp(a[k]) if a[k] < 0.0 else softplus(a[k])) * y[k]
    return s


def swapped(a, y):
    u = a[0]
    v = a[1]
    u, v = (v * u, u)
    return u * v


def reused_names(a, y):
    x = 0.0
    for k in range(len(a)):
        x += a[k]
    x = x * x
    x = math.sin(x)
    for k in range(len(a)):
        x += a[k] * a[k]
    return x * x


def last_entry(a, y):
    e = 0.0
    for k in range(len(a)):
        e = a[k] * y[k]
    return e * e


def counted(a, y):
    n = 0.0
    s = 0.0
    for k in range(len(a)):
        if y[k] > 0.0:
            n += 1.0
            s += a[k] * a[k]
    return s / (n + 1.0)


def weights_from_targets(a, y):
    s = 0.0
    for k in range(len(a)):
        w = 0.0
        for j in range(len(a)):
            w += abs(y[j] - y[k])
        s += w * a[k] ** 2
    return s


def powers(a, y):
    s = 0.0
    for k in range(len(a)):
        s += abs(a[k] - y[k]) ** 1.5 + math.pow(1.0 + a[k] * a[k], a[k]) + a[k] ** 3
    return s


def extremes(a, y):
    s = 0.0
    for k in range(len(a)):
        s += min(max(a[k], 0.3 * a[k], -1.0), 2.0) + max(a[k], a[0])
    return s


def inner_entries(a, y):
    s = 0.0
    for k in range(1, len(a) - 1):
        s += a[k] ** 3
    return s


def zipped(a, y):
    s = sum(abs(v) * w for v, w in zip(a, y, strict=True))
    for v, w in zip(a, y, strict=True):
        s += (v - w) ** 2
    return s / len(a) + max(v * v for v in a) * max(y) - min(a)


def against_sorted_targets(a, y):
    ordered = sorted(y)
    s = 0.0
    for k in range(len(a)):
        s += (a[k] - ordered[k]) ** 2
    return s


def every_other(a, y):
    s = 0.0
    for k in range(0, len(a), 2):
        s += a[k] ** 2
    return s


def functions_of_two(a, y):
    s = 0.0
    for k in range(len(a)):
        s += math.hypot(a[k], y[k]) + math.atan2(a[k], 1.5) + math.copysign(a[k], y[k])
        s += math.fmod(a[k], 0.73) + a[k] % 0.91 + math.tanh(a[k])
    return s


def range_of_entries(a, y):
    hi = a[0]
    lo = a[0]
    for k in range(len(a)):
        if a[k] > hi:
            hi = a[k]
        if a[k] < lo:
            lo = a[k]
    return (hi - lo) ** 2


def quantile(a, y):
    s = 0.0
    for k in range(len(a)):
        e = y[k] - a[k]
        s += max(0.9 * e, (0.9 - 1.0) * e)
    return s


def entropy(a, y):
    t = 0.0
    for k in range(len(a)):
        t += math.exp(a[k])
    s = 0.0
    for k in range(len(a)):
        p = math.exp(a[k]) / t
        s += p * math.log(p)
    return s


def loops_around_loops(a, y):
    s = 0.0
    for i in range(2):
        for k in range(len(a)):
            s += (a[k] - i) ** 4
    return s


def cross_entropy_of_logits(a, y):
    s = 0.0
    for k in range(len(a)):
        s += max(a[k], 0.0) - a[k] * y[k] + math.log1p(math.exp(-abs(a[k])))
    return s / len(a)


def ratio_of_weighted_sums(a, y):
    m = max(a)
    s = 0.0
    t = 0.0
    for k in range(len(a)):
        e = math.exp(y[k] * (a[k] - m))
        s += e
        t += y[k] * e
    return t / s


def ordered_entries(a, y):
    ordered = sorted(a)
    s = 0.0
    for k in range(len(ordered)):
        s += (ordered[k] - y[k]) ** 2
    return s + ordered[0] * ordered[-1]


ONE_PASS = (
    squares,
    named_length,
    neighbors,
    single_entries,
    with_helpers,
    with_helpers_of_rows,
    largest_entry,
    log_sum_exp,
    all_pairs,
    ranked_pairs,
    sums_in_sums,
    early_return,
    variance,
    cosine,
    branching_helper,
    helper_with_a_loop,
    helper_with_a_series,
    polynomial,
    branches,
    choice,
    swapped,
    reused_names,
    last_entry,
    counted,
    weights_from_targets,
    powers,
    extremes,
    inner_entries,
    zipped,
    against_sorted_targets,
    every_other,
    functions_of_two,
    range_of_entries,
    quantile,
    entropy,
    loops_around_loops,
    cross_entropy_of_logits,
    ratio_of_weighted_sums,
    ordered_entries,
)
# These look at all pairs of entries.
OVER_PAIRS = (all_pairs, ranked_pairs, sums_in_sums, weights_from_targets)
