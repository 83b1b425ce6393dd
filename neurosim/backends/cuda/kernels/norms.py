"""Batch and layer normalization.

What is computed. Groups of numbers get mean 0 and variance 1: n = (x - mean) * inverse with inverse =
1 / sqrt(variance + epsilon), then out = gamma * n + beta, gamma and beta by channel. A group of a batch normalization
is a channel over all positions of all rows; one of a layer normalization is the channels of one position of one row.
Backward:

    e = gamma * d,  dx = (e - mean(e) - n * mean(e * n)) * inverse,  dgamma = sum of d * n,  dbeta = sum of d

How. Means over a group come first, the numbers themselves after a barrier, one thread each. Sums are those of the CPU
engine, so that both have the same bits:

* Over a channel of vectors, all rows from first to last.
* Over a channel of maps, all positions of a row from first to last, one thread for each row; rows in groups of GROUP;
  then the groups, in order. Means and variances of groups are combined as in Chan, Golub and LeVeque (1979): a sum of
  squares is always one of distances from a nearby mean, and loses no digits to a large mean.
* Over the channels of one position, from first to last; or, of a vector, SIDE_BY_SIDE sums of every eighth, and
  then these.

Where the bytes go. Inputs are read twice for the statistics and once more to be normalized; n is computed again in the
backward pass. Neighboring threads process neighboring channels, except for layer normalization's statistics, where
each reads its own range.

Launch geometry. Any number of blocks: the bits do not depend on it.
"""

from neurosim.backends.cuda.blanks import HAS_MAPS
from neurosim.backends.cuda.functions import math
from neurosim.backends.cuda.kernels.common import (
    BATCH_NORM,
    BEHIND,
    BIAS,
    CHANNEL_GRADIENTS,
    CHANNEL_PARTS,
    CHANNEL_SQUARES,
    CHANNEL_STATISTICS,
    CHANNELS,
    GRADIENT_PARTS,
    GROUP,
    GROUP_GRADIENTS,
    GROUP_STATISTICS,
    INPUTS,
    KIND,
    NORMALIZE,
    ON_MAPS,
    ONE,
    OUT,
    PARAMS,
    PARTS,
    RUNNING_MEAN,
    RUNNING_STATISTICS,
    RUNNING_VARIANCE,
    STATISTICS,
    UNITS,
    WEIGHT,
    ZERO,
    D,
    X,
    first_of,
    keep_gradient,
    learn_one,
    np,
    split,
    stride_of,
    sum_of_group,
    value_at,
)
from neurosim.backends.cuda.target import cuda, float32, inner

# The statistics of each group: see `neurosim.backends.cuda.fields`.
MEAN, INVERSE, MEAN_D, MEAN_DN = range(4)
KEPT = 4
# What is added up over the channels of a position.
NUMBERS, DISTANCES, SLOPES, PRODUCTS = range(4)
SIDE_BY_SIDE = 8


@inner
def run_norm_phase(kind, net, data, s, rows, first, learning, team):
    """A phase of a normalization."""
    if kind == CHANNEL_PARTS:
        channel_parts(net, data, s, rows, first, team)
    elif kind == CHANNEL_SQUARES:
        channel_squares(net, data, s, rows, first, team)
    elif kind == CHANNEL_STATISTICS:
        channel_statistics(net, s, rows, learning, team)
    elif kind == RUNNING_STATISTICS:
        running_statistics(net, s, team)
    elif kind == GROUP_STATISTICS:
        group_statistics(net, data, s, rows, first, team)
    elif kind == NORMALIZE:
        normalize(net, data, s, rows, first, team)
    elif kind == GRADIENT_PARTS:
        gradient_parts(net, data, s, rows, first, team)
    elif kind == CHANNEL_GRADIENTS:
        channel_gradients(net, s, rows, team)
    elif kind == GROUP_GRADIENTS:
        group_gradients(net, data, s, rows, first, team)
    else:
        normalize_backward(net, data, s, rows, first, team)


@inner
def on_maps(stages, s):
    """Whether what the stage `s` normalizes are maps, whose rows are added up in groups."""
    return HAS_MAPS and stages[s, ON_MAPS] == 1


@inner
def entry(net, data, s, e, first):
    """Input number `e` of all rows of a batch."""
    stages, _, _, work, _ = net
    if stages[s, X] < 0:
        row, k = split(e, stages[s, INPUTS])
        return value_at(net, data, stages[s, X], stages[s, INPUTS], row, first, k)
    return work[stages[s, X] + e]


@inner
def group_of(stages, s, e):
    """The place of the statistics of the group of number `e`."""
    place, channel = split(e, stages[s, CHANNELS])
    return stages[s, STATISTICS] + KEPT * (channel if stages[s, KIND] == BATCH_NORM else place)


@inner
def normal(net, data, s, e, first):
    """Number `e` with mean 0 and variance 1 in its group."""
    stages, _, _, work, _ = net
    at = group_of(stages, s, e)
    return (entry(net, data, s, e, first) - work[at + MEAN]) * work[at + INVERSE]


@inner
def places_of(stages, s):
    """The number of positions of a row, which share their channels."""
    return stages[s, UNITS] // stages[s, CHANNELS]


@inner
def parts_of_channel(stages, s, rows):
    """The number of parts into which the sum over a channel is divided, and that of positions in each."""
    places = places_of(stages, s)
    return (rows, places) if on_maps(stages, s) else (1, rows * places)


@inner
def mean_of_group(net, s, rows, row, channel):
    """The mean of a channel over the rows of a group, the first of which is `row`, from the sums of its parts."""
    stages, _, _, work, _ = net
    channels = stages[s, CHANNELS]
    count = min(GROUP, rows - row)
    total = sum_of_group(work, stages[s, PARTS] + 2 * (row * channels + channel), 2 * channels, count)
    return total * (ONE / np.float32(count * places_of(stages, s)))


@inner
def keep_statistics(net, s, group, mean, variance):
    """Store the mean and inverse deviation of a group, for the threads that normalize."""
    stages, numbers, _, work, _ = net
    at = stages[s, STATISTICS] + KEPT * group
    work[at + MEAN] = mean
    work[at + INVERSE] = ONE / math.sqrt(variance + numbers[stages[s, PARAMS]])


@inner
def squares_about(net, data, s, begin, stride, count, mean, first):
    """The sum of squared distances from `mean` of `count` inputs from `begin` on, `stride` apart."""
    squares = ZERO
    for k in range(count):
        distance = entry(net, data, s, begin + k * stride, first) - mean
        squares += distance * distance
    return squares


# Forward --------------------------------------------------------------------------------------------------------


@inner
def channel_parts(net, data, s, rows, first, team):
    """The sums of the parts of each channel; of vectors, its mean and squares."""
    stages, _, _, work, _ = net
    channels = stages[s, CHANNELS]
    parts, count = parts_of_channel(stages, s, rows)
    for e in range(first_of(team), parts * channels, stride_of(team)):
        part, channel = split(e, channels)
        begin = part * count * channels + channel
        total = ZERO
        for k in range(count):
            total += entry(net, data, s, begin + k * channels, first)
        if not on_maps(stages, s):
            total *= ONE / np.float32(count)
            squares = squares_about(net, data, s, begin, channels, count, total, first)
            work[stages[s, PARTS] + 2 * e + 1] = squares
        work[stages[s, PARTS] + 2 * e] = total


@inner
def channel_squares(net, data, s, rows, first, team):
    """The squares of the parts of each channel of maps, about the mean of their group."""
    stages, _, _, work, _ = net
    channels = stages[s, CHANNELS]
    parts, count = parts_of_channel(stages, s, rows)
    for e in range(first_of(team), parts * channels, stride_of(team)):
        row, channel = split(e, channels)
        mean = mean_of_group(net, s, rows, row // GROUP * GROUP, channel)
        squares = squares_about(net, data, s, row * count * channels + channel, channels, count, mean, first)
        work[stages[s, PARTS] + 2 * e + 1] = squares


@inner
def channel_statistics(net, s, rows, learning, team):
    """Mean and variance of each channel from its parts; with `learning` the running ones move toward them."""
    stages, numbers, weights, work, _ = net
    channels, places = stages[s, CHANNELS], places_of(stages, s)
    for channel in range(first_of(team), channels, stride_of(team)):
        at = stages[s, PARTS] + 2 * channel
        mean, squares = ZERO, ZERO
        if on_maps(stages, s):
            for row in range(0, rows, GROUP):
                before, count = np.float32(row * places), np.float32(min(GROUP, rows - row) * places)
                distance = mean_of_group(net, s, rows, row, channel) - mean
                share = count / (before + count)
                mean += distance * share
                more = sum_of_group(work, at + 2 * row * channels + 1, 2 * channels, rows - row)
                squares += more + distance * distance * before * share
            variance = squares / np.float32(rows * places)
        else:
            mean = work[at]
            variance = work[at + 1] * (ONE / np.float32(rows * places))
        keep_statistics(net, s, channel, mean, variance)
        if learning != 0:
            momentum = numbers[stages[s, PARAMS] + 1]
            count = rows * places
            unbiased = variance * (np.float32(count) / np.float32(max(count - 1, 1)))
            running_mean, running_variance = stages[s, RUNNING_MEAN] + channel, stages[s, RUNNING_VARIANCE] + channel
            weights[running_mean] += momentum * (mean - weights[running_mean])
            weights[running_variance] += momentum * (unbiased - weights[running_variance])


@inner
def running_statistics(net, s, team):
    """Outside training, or frozen, a batch normalization uses the running mean and variance of each channel."""
    stages, _, weights, work, _ = net
    for channel in range(first_of(team), stages[s, CHANNELS], stride_of(team)):
        mean, variance = weights[stages[s, RUNNING_MEAN] + channel], weights[stages[s, RUNNING_VARIANCE] + channel]
        keep_statistics(net, s, channel, mean, variance)
        # Where training uses them, they do not depend on the batch.
        at = stages[s, STATISTICS] + KEPT * channel
        work[at + MEAN_D], work[at + MEAN_DN] = ZERO, ZERO


@inner
def term_of(what, net, data, s, e, mean, first):
    """Number `e` of what is added up over the channels of a position."""
    stages, _, weights, work, _ = net
    if what == NUMBERS:
        return entry(net, data, s, e, first)
    if what == DISTANCES:
        distance = entry(net, data, s, e, first) - mean
        return distance * distance
    _, channel = split(e, stages[s, CHANNELS])
    gamma, d = weights[stages[s, WEIGHT] + channel], work[stages[s, D] + e]
    if what == SLOPES:
        return d * gamma
    if on_maps(stages, s):
        return d * normal(net, data, s, e, first) * gamma
    return d * gamma * normal(net, data, s, e, first)


@inner
def sum_of_position(what, net, data, s, begin, mean, first):
    """The sum of such numbers over the channels of the position whose first number is `begin`."""
    stages, _, _, _, _ = net
    channels = stages[s, CHANNELS]
    sums = cuda.local.array(SIDE_BY_SIDE, float32)
    whole = 0
    total = ZERO
    if not on_maps(stages, s):
        whole = channels // SIDE_BY_SIDE * SIDE_BY_SIDE
        # One after the other: side by side they would take more registers than there are.
        for k in range(SIDE_BY_SIDE):
            part = ZERO
            for channel in range(k, whole, SIDE_BY_SIDE):
                part += term_of(what, net, data, s, begin + channel, mean, first)
            sums[k] = part
        total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    for channel in range(whole, channels):
        total += term_of(what, net, data, s, begin + channel, mean, first)
    return total


@inner
def group_statistics(net, data, s, rows, first, team):
    """Mean and variance of each position of each row, for a layer normalization."""
    stages, _, _, _, _ = net
    channels = stages[s, CHANNELS]
    share = ONE / np.float32(channels)
    for place in range(first_of(team), rows * places_of(stages, s), stride_of(team)):
        mean = sum_of_position(NUMBERS, net, data, s, place * channels, ZERO, first) * share
        squares = sum_of_position(DISTANCES, net, data, s, place * channels, mean, first)
        keep_statistics(net, s, place, mean, squares * share)


@inner
def normalize(net, data, s, rows, first, team):
    """The normalization `s` for a batch, with the statistics of its groups."""
    stages, _, weights, work, _ = net
    at_once = on_maps(stages, s) and stages[s, KIND] == BATCH_NORM
    for e in range(first_of(team), rows * stages[s, UNITS], stride_of(team)):
        _, channel = split(e, stages[s, CHANNELS])
        gamma, beta = weights[stages[s, WEIGHT] + channel], weights[stages[s, BIAS] + channel]
        if at_once:
            at = group_of(stages, s, e)
            scale = work[at + INVERSE] * gamma
            work[stages[s, OUT] + e] = (entry(net, data, s, e, first) - work[at + MEAN]) * scale + beta
        else:
            work[stages[s, OUT] + e] = normal(net, data, s, e, first) * gamma + beta


# Backward -------------------------------------------------------------------------------------------------------


@inner
def gradient_parts(net, data, s, rows, first, team):
    """The parts of the sums of d and of d * n over each channel."""
    stages, _, _, work, _ = net
    channels = stages[s, CHANNELS]
    parts, count = parts_of_channel(stages, s, rows)
    for e in range(first_of(team), parts * channels, stride_of(team)):
        part, channel = split(e, channels)
        total, with_normal = ZERO, ZERO
        for place in range(part * count, (part + 1) * count):
            d = work[stages[s, D] + place * channels + channel]
            total += d
            with_normal += d * normal(net, data, s, place * channels + channel, first)
        work[stages[s, PARTS] + 2 * e] = total
        work[stages[s, PARTS] + 2 * e + 1] = with_normal


@inner
def add_parts(net, s, rows, channel):
    """Sums of d and of d * n over a channel."""
    stages, _, _, work, _ = net
    stride = 2 * stages[s, CHANNELS]
    at = stages[s, PARTS] + 2 * channel
    if not on_maps(stages, s):
        return work[at], work[at + 1]
    total, with_normal = ZERO, ZERO
    for row in range(0, rows, GROUP):
        total += sum_of_group(work, at + row * stride, stride, rows - row)
        with_normal += sum_of_group(work, at + row * stride + 1, stride, rows - row)
    return total, with_normal


@inner
def channel_gradients(net, s, rows, team):
    """Means of d and d * n over each channel of a batch normalization."""
    stages, _, _, work, _ = net
    share = ONE / np.float32(rows * places_of(stages, s))
    for channel in range(first_of(team), stages[s, CHANNELS], stride_of(team)):
        total, with_normal = add_parts(net, s, rows, channel)
        at = stages[s, STATISTICS] + KEPT * channel
        work[at + MEAN_D] = total * share
        work[at + MEAN_DN] = with_normal * share


@inner
def group_gradients(net, data, s, rows, first, team):
    """Means of e and e * n over each position of each row, for a layer normalization."""
    stages, _, _, work, _ = net
    channels = stages[s, CHANNELS]
    share = ONE / np.float32(channels)
    for place in range(first_of(team), rows * places_of(stages, s), stride_of(team)):
        at = stages[s, STATISTICS] + KEPT * place
        work[at + MEAN_D] = sum_of_position(SLOPES, net, data, s, place * channels, ZERO, first) * share
        work[at + MEAN_DN] = sum_of_position(PRODUCTS, net, data, s, place * channels, ZERO, first) * share


@inner
def normalize_backward(net, data, s, rows, first, team):
    """From the gradient of the output of the normalization `s` to that of the stage before it."""
    stages, _, weights, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        _, channel = split(unit, stages[s, CHANNELS])
        at = group_of(stages, s, e)
        d, gamma, scale = work[stages[s, D] + e], weights[stages[s, WEIGHT] + channel], work[at + INVERSE]
        # Gamma is the same for all numbers of a channel, and different for all of a position.
        if stages[s, KIND] == BATCH_NORM:
            scale = gamma * scale
        else:
            d = d * gamma
        d = d - work[at + MEAN_D] - normal(net, data, s, e, first) * work[at + MEAN_DN]
        keep_gradient(net, stages[s, BEHIND], row, first, unit, scale * d)


@inner
def learn_norm(net, s, rows, learner, step, learning, team):
    """Gamma and beta learn from the sums over each channel."""
    stages, _, _, _, _ = net
    for channel in range(first_of(team), stages[s, CHANNELS], stride_of(team)):
        total, with_normal = add_parts(net, s, rows, channel)
        learn_one(net, stages[s, WEIGHT] + channel, with_normal, learner, step, learning)
        learn_one(net, stages[s, BIAS] + channel, total, learner, step, learning)
