"""Batch and layer normalization.

What is computed. Groups of numbers get mean 0 and variance 1: n = (x - mean) * inverse with inverse =
1 / sqrt(variance + epsilon), then out = gamma * n + beta, gamma and beta by channel. A group of a batch normalization
is a channel over all positions of all rows; one of a layer normalization is the channels of one position of one row.
Backward:

    e = gamma * d,  dx = (e - mean(e) - n * mean(e * n)) * inverse,  dgamma = sum of d * n,  dbeta = sum of d

How. Means over a group come first, the numbers themselves after a barrier, one thread each. Channels are few, and each
is a long sum: it is divided into parts of TERMS positions, one thread each, added up in order by one thread for each
channel. Means and variances of parts are combined as in Chan, Golub and LeVeque (1979): a sum of squares is always one
of distances from a nearby mean, and loses no digits to a large mean.

Where the bytes go. Inputs are read twice for the statistics and once more to be normalized; n is computed again in the
backward pass. Neighboring threads process neighboring channels, except for layer normalization's statistics, where
each reads its own range.

Launch geometry. Any number of blocks. Which terms form a part depends only on TERMS and the rows, so the bits do not
depend on it.
"""

from neurosim.backends.cuda.kernels.common import (
    BATCH_NORM,
    BEHIND,
    BIAS,
    CHANNEL_GRADIENTS,
    CHANNEL_PARTS,
    CHANNEL_STATISTICS,
    CHANNELS,
    GRADIENT_PARTS,
    GROUP_GRADIENTS,
    GROUP_STATISTICS,
    INPUTS,
    KIND,
    NORMALIZE,
    ONE,
    OUT,
    PARAMS,
    PARTS,
    RUNNING_MEAN,
    RUNNING_STATISTICS,
    RUNNING_VARIANCE,
    STATISTICS,
    TERMS,
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
    value_at,
)
from neurosim.backends.cuda.target import inner, math

# The statistics of each group: see `neurosim.backends.cuda.fields`.
MEAN, INVERSE, MEAN_D, MEAN_DN = range(4)
KEPT = 4


@inner
def run_norm_phase(kind, net, data, s, rows, first, learning, team):
    """A phase of a normalization."""
    if kind == CHANNEL_PARTS:
        channel_parts(net, data, s, rows, first, team)
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
def places_of(stages, s, rows):
    """The number of positions of all rows of a batch, which share their channels."""
    return rows * (stages[s, UNITS] // stages[s, CHANNELS])


@inner
def parts_of_channel(stages, s, rows):
    """The number of parts into which a channel is divided."""
    return (places_of(stages, s, rows) + stages[s, TERMS] - 1) // stages[s, TERMS]


@inner
def keep_statistics(net, s, group, mean, variance):
    """Store the mean and inverse deviation of a group, for the threads that normalize."""
    stages, numbers, _, work, _ = net
    at = stages[s, STATISTICS] + KEPT * group
    work[at + MEAN] = mean
    work[at + INVERSE] = ONE / math.sqrt(variance + numbers[stages[s, PARAMS]])


@inner
def mean_and_squares(net, data, s, begin, stride, count, first):
    """The mean of `count` inputs from `begin` on, `stride` apart, and the sum of their squared distances from it."""
    mean, squares = ZERO, ZERO
    for k in range(count):
        mean += entry(net, data, s, begin + k * stride, first)
    mean /= np.float32(count)
    for k in range(count):
        distance = entry(net, data, s, begin + k * stride, first) - mean
        squares += distance * distance
    return mean, squares


# Forward --------------------------------------------------------------------------------------------------------


@inner
def channel_parts(net, data, s, rows, first, team):
    """Mean and squares of each part of each channel of a batch normalization."""
    stages, _, _, work, _ = net
    channels, terms, places = stages[s, CHANNELS], stages[s, TERMS], places_of(stages, s, rows)
    for e in range(first_of(team), parts_of_channel(stages, s, rows) * channels, stride_of(team)):
        part, channel = split(e, channels)
        begin = part * terms
        count = min(terms, places - begin)
        mean, squares = mean_and_squares(net, data, s, begin * channels + channel, channels, count, first)
        work[stages[s, PARTS] + 2 * e] = mean
        work[stages[s, PARTS] + 2 * e + 1] = squares


@inner
def channel_statistics(net, s, rows, learning, team):
    """Mean and variance of each channel from its parts; with `learning` the running ones move toward them."""
    stages, numbers, weights, work, _ = net
    channels, terms, places = stages[s, CHANNELS], stages[s, TERMS], places_of(stages, s, rows)
    for channel in range(first_of(team), channels, stride_of(team)):
        mean, squares = ZERO, ZERO
        for part in range(parts_of_channel(stages, s, rows)):
            at = stages[s, PARTS] + 2 * (part * channels + channel)
            before = np.float32(part * terms)
            count = np.float32(min(terms, places - part * terms))
            distance = work[at] - mean
            share = count / (before + count)
            mean += distance * share
            squares += work[at + 1] + distance * distance * before * share
        keep_statistics(net, s, channel, mean, squares / np.float32(places))
        if learning != 0:
            momentum = numbers[stages[s, PARAMS] + 1]
            variance = squares / np.float32(max(places - 1, 1))
            running_mean, running_variance = stages[s, RUNNING_MEAN] + channel, stages[s, RUNNING_VARIANCE] + channel
            weights[running_mean] += momentum * (mean - weights[running_mean])
            weights[running_variance] += momentum * (variance - weights[running_variance])


@inner
def running_statistics(net, s, team):
    """Outside training, a batch normalization uses the running mean and variance of each channel."""
    stages, _, weights, _, _ = net
    for channel in range(first_of(team), stages[s, CHANNELS], stride_of(team)):
        mean, variance = weights[stages[s, RUNNING_MEAN] + channel], weights[stages[s, RUNNING_VARIANCE] + channel]
        keep_statistics(net, s, channel, mean, variance)


@inner
def group_statistics(net, data, s, rows, first, team):
    """Mean and variance of each position of each row, for a layer normalization."""
    stages, _, _, _, _ = net
    channels = stages[s, CHANNELS]
    for place in range(first_of(team), places_of(stages, s, rows), stride_of(team)):
        mean, squares = mean_and_squares(net, data, s, place * channels, 1, channels, first)
        keep_statistics(net, s, place, mean, squares / np.float32(channels))


@inner
def normalize(net, data, s, rows, first, team):
    """The normalization `s` for a batch, with the statistics of its groups."""
    stages, _, weights, work, _ = net
    for e in range(first_of(team), rows * stages[s, UNITS], stride_of(team)):
        _, channel = split(e, stages[s, CHANNELS])
        gamma, beta = weights[stages[s, WEIGHT] + channel], weights[stages[s, BIAS] + channel]
        work[stages[s, OUT] + e] = gamma * normal(net, data, s, e, first) + beta


# Backward -------------------------------------------------------------------------------------------------------


@inner
def gradient_parts(net, data, s, rows, first, team):
    """The parts of the sums of d and of d * n over each channel."""
    stages, _, _, work, _ = net
    channels, terms, places = stages[s, CHANNELS], stages[s, TERMS], places_of(stages, s, rows)
    for e in range(first_of(team), parts_of_channel(stages, s, rows) * channels, stride_of(team)):
        part, channel = split(e, channels)
        total, with_normal = ZERO, ZERO
        for place in range(part * terms, min(part * terms + terms, places)):
            d = work[stages[s, D] + place * channels + channel]
            total += d
            with_normal += d * normal(net, data, s, place * channels + channel, first)
        work[stages[s, PARTS] + 2 * e] = total
        work[stages[s, PARTS] + 2 * e + 1] = with_normal


@inner
def add_parts(net, s, rows, channel):
    """Sums of d and of d * n over a channel."""
    stages, _, _, work, _ = net
    total, with_normal = ZERO, ZERO
    for part in range(parts_of_channel(stages, s, rows)):
        at = stages[s, PARTS] + 2 * (part * stages[s, CHANNELS] + channel)
        total += work[at]
        with_normal += work[at + 1]
    return total, with_normal


@inner
def channel_gradients(net, s, rows, team):
    """Means of e and e * n over each channel of a batch normalization."""
    stages, _, weights, work, _ = net
    places = np.float32(places_of(stages, s, rows))
    for channel in range(first_of(team), stages[s, CHANNELS], stride_of(team)):
        total, with_normal = add_parts(net, s, rows, channel)
        gamma = weights[stages[s, WEIGHT] + channel]
        at = stages[s, STATISTICS] + KEPT * channel
        work[at + MEAN_D] = gamma * total / places
        work[at + MEAN_DN] = gamma * with_normal / places


@inner
def group_gradients(net, data, s, rows, first, team):
    """Means of e and e * n over each position of each row, for a layer normalization."""
    stages, _, weights, work, _ = net
    channels = stages[s, CHANNELS]
    for place in range(first_of(team), places_of(stages, s, rows), stride_of(team)):
        total, with_normal = ZERO, ZERO
        for channel in range(channels):
            e = place * channels + channel
            d = weights[stages[s, WEIGHT] + channel] * work[stages[s, D] + e]
            total += d
            with_normal += d * normal(net, data, s, e, first)
        at = stages[s, STATISTICS] + KEPT * place
        work[at + MEAN_D] = total / np.float32(channels)
        work[at + MEAN_DN] = with_normal / np.float32(channels)


@inner
def normalize_backward(net, data, s, rows, first, team):
    """From the gradient of the output of the normalization `s` to that of the stage before it."""
    stages, _, weights, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        _, channel = split(unit, stages[s, CHANNELS])
        at = group_of(stages, s, e)
        d = weights[stages[s, WEIGHT] + channel] * work[stages[s, D] + e]
        d -= work[at + MEAN_D] + normal(net, data, s, e, first) * work[at + MEAN_DN]
        keep_gradient(net, stages[s, BEHIND], row, first, unit, d * work[at + INVERSE])


@inner
def learn_norm(net, s, rows, learner, step, learning, team):
    """Gamma and beta learn from the sums over each channel."""
    stages, _, _, _, _ = net
    for channel in range(first_of(team), stages[s, CHANNELS], stride_of(team)):
        total, with_normal = add_parts(net, s, rows, channel)
        learn_one(net, stages[s, WEIGHT] + channel, with_normal, learner, step, learning)
        learn_one(net, stages[s, BIAS] + channel, total, learner, step, learning)
