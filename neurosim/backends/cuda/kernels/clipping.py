"""Bounds on the length of the gradient, and the update that waits for it.

What is computed. The length of the whole gradient, from parts that are added up in order; if it is above the bound,
each number is multiplied by the same factor before its parameter learns.

Launch geometry. One thread for each part, then one for each number. The bits do not depend on it.
"""

from neurosim.backends.cuda.blanks import update
from neurosim.backends.cuda.functions import math
from neurosim.backends.cuda.kernels.common import (
    CLIP_NORM,
    ONE,
    SQUARES,
    SQUARES_PARTS,
    ZERO,
    first_of,
    stride_of,
)
from neurosim.backends.cuda.target import inner, larger


@inner
def add_squares(net, loss, learner, team):
    """The largest number of each part of the gradient, and the sum of squares relative to it: one thread per part.

    So no square overflows float32 (compare Blue 1978, doi:10.1145/355769.355771).
    """
    _, _, _, work, _ = net
    _, gradient, _ = learner
    parts = loss[SQUARES_PARTS]
    for part in range(first_of(team), parts, stride_of(team)):
        largest, total = ZERO, ZERO
        for k in range(part, gradient.shape[0], parts):
            largest = larger(largest, math.fabs(gradient[k]))
        if largest > ZERO:
            for k in range(part, gradient.shape[0], parts):
                measured = gradient[k] / largest
                total += measured * measured
        work[loss[SQUARES] + 2 * part] = largest
        work[loss[SQUARES] + 2 * part + 1] = total


@inner
def scale_of_gradient(net, loss):
    """The factor that shortens the gradient to the bound on its length; 1 if it is not longer."""
    _, numbers, _, work, _ = net
    at, bound = loss[SQUARES], numbers[CLIP_NORM]
    largest, total = ZERO, ZERO
    for part in range(loss[SQUARES_PARTS]):
        largest = larger(largest, work[at + 2 * part])
    if largest > ZERO:
        for part in range(loss[SQUARES_PARTS]):
            measured = work[at + 2 * part] / largest
            total += work[at + 2 * part + 1] * measured * measured
    length = largest * math.sqrt(total)
    return bound / length if length > bound else ONE


@inner
def update_all(net, loss, learner, step, team):
    """Update every parameter by its gradient, which has been stored, within the bound on its length."""
    _, _, weights, _, _ = net
    state, gradient, constants = learner
    scale = scale_of_gradient(net, loss)
    for k in range(first_of(team), gradient.shape[0], stride_of(team)):
        update(weights, state, k, gradient[k] * scale, constants, step)
