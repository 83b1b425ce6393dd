"""The meaning of the numbers in a network's table: kinds of stages, columns, and the phases of a step.

The kernel files give the same names the same numbers; a test makes sure of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

NONE = -1


class Kind(IntEnum):
    """Kinds of stages."""

    DENSE = 0
    DROPOUT = auto()
    CONVOLUTION = auto()
    MAX_POOL = auto()
    AVG_POOL = auto()
    BATCH_NORM = auto()
    LAYER_NORM = auto()
    ALONE = auto()  # an activation on its own
    FORK = auto()  # where a skip begins: moves no data, adds two gradients
    JOIN = auto()  # where a skip ends
    COMBINE = auto()  # units that each make one number of several
    PART = auto()  # puts the outputs of a branch beside those of others
    SPREAD_CONVOLUTION = auto()  # one with groups, or with cells under the kernel that are apart


class Field(IntEnum):
    """Columns of the stage table; NONE if a stage has no such thing. Offsets are into the work space."""

    KIND = 0
    INPUTS = auto()  # numbers in a row of the input
    UNITS = auto()  # numbers in a row of the output
    X = auto()  # offset of the inputs; NONE for the batch itself
    Z = auto()  # of the weighted sums, or other inputs of the activation
    A = auto()  # of the activations
    OUT = auto()  # of the stage's output: the activations, or these after dropout
    D = auto()  # of the gradient with respect to the stage's output; then, if there is an activation, to Z
    DZ = auto()  # of a row-wise activation's result in the backward pass
    BEHIND = auto()  # the stage that receives the gradient of the inputs; NONE if nothing learns from it
    WEIGHT = auto()  # offset in the parameters
    BIAS = auto()  # likewise
    ACTIVATION = auto()  # its number among the network's activations
    WHOLE_ROWS = auto()  # the activation works on rows
    PARAMS = auto()  # offset among the numbers: parameters of the activation or gate; epsilon and momentum of a norm
    DROP = auto()  # number of the dropout layer
    DROP_BELOW = auto()  # the lower 32 bits, as a signed number
    DROP_SCALE = auto()  # offset of 1 / (1 - rate) among the numbers
    PENALTY = auto()  # offset of l1 and l2 among the numbers
    CHANNELS = auto()  # of the output: length of the last axis
    MAP_HEIGHT = auto()  # from here to OUT_WIDTH: how a window slides over the input map
    MAP_WIDTH = auto()
    MAP_CHANNELS = auto()
    KERNEL_HEIGHT = auto()
    KERNEL_WIDTH = auto()
    STRIDE_DOWN = auto()
    STRIDE_ACROSS = auto()
    PAD_TOP = auto()
    PAD_LEFT = auto()
    OUT_HEIGHT = auto()
    OUT_WIDTH = auto()
    PARTS = auto()  # offset of the parts of long sums
    TERMS = auto()  # of a convolution: positions of one map in each part
    PLACES = auto()  # offset of the cells chosen by a max pool
    STATISTICS = auto()  # offset of the STATISTIC numbers of each group that is normalized
    RUNNING_MEAN = auto()  # offset behind the parameters
    RUNNING_VARIANCE = auto()
    SKIP = auto()  # of a join: offset of what it adds, NONE for the batch itself; of a fork: the gradient it adds
    SKIP_BEHIND = auto()  # the last stage of a shortcut, which also receives a join's gradient
    FIRST_CHANNEL = auto()  # of a part: where its channels, MAP_CHANNELS of them, begin among those that go out
    GATE = auto()  # number among the network's gates
    LEARNED = auto()  # offset in the parameters of what the activation learns; from here on, NONE if it learns nothing
    LEARNED_NAMES = auto()  # how many parameters that are
    LEARNED_NUMBERS = auto()  # numbers of each of them: 1, or one for each channel
    LEARNED_WIDTH = auto()  # channels, or units of a vector
    LEARNED_SLOPES = auto()  # offset of the gradient of the outputs times the derivatives with respect to each
    LEARNED_SUMS = auto()  # offset of the parts of their sums
    LEARNED_TERMS = auto()  # positions in each part
    ON_MAPS = auto()  # of a normalization: whether rows are added up in groups, as those of maps are
    FROZEN = auto()  # 1 where what the stage has learned stays as it is
    BIAS_FIRST = auto()  # the bias again, where weighted sums begin with it; NONE where it is added at the end
    STARTS = auto()  # offset of what else weighted sums begin with: what the shift of all inputs adds
    GRADIENT_STARTS = auto()  # offset of the same for the gradients of weights
    APART_DOWN = auto()  # of a window: rows from one cell to the next
    APART_ACROSS = auto()  # and columns
    OWN = auto()  # of a convolution: input channels that each output sees
    COUNTED_TOP = auto()  # of a pool of means, from here to COUNTED_RIGHT: cells beyond each edge that count
    COUNTED_BOTTOM = auto()
    COUNTED_LEFT = auto()
    COUNTED_RIGHT = auto()


class Statistic(IntEnum):
    """The statistics of each normalized group: of a channel, or of a position of a row."""

    MEAN = 0
    INVERSE = auto()  # 1 / sqrt(variance + epsilon)
    MEAN_D = auto()  # mean of the gradient with respect to the normalized numbers
    MEAN_DN = auto()  # mean of the product of the two


class LossField(IntEnum):
    """Entries of the loss table."""

    PARAMS = 0
    JUDGE = auto()
    THRESHOLD = auto()  # offset among the numbers
    SQUARES = auto()  # offset of the parts of the gradient's norm in the work space
    SQUARES_PARTS = auto()  # how many parts that are
    # Of an optimizer that looks at whole arrays; see `neurosim.backends.cuda.kernels.arrays`.
    ARRAYS = auto()  # where in this table the arrays are
    ARRAY_COUNT = auto()
    DUES = auto()  # where in this table the reductions are
    DUE_COUNT = auto()
    REDUCTIONS = auto()  # how many values an array has
    VALUES = auto()  # offset of these in the work space
    SUMS = auto()  # offset of the parts of sums
    SUMS_PARTS = auto()  # how many parts a sum has
    SPREAD = auto()  # offset of the values that differ within an array


class Number(IntEnum):
    """The first of the numbers; infinite for no bound."""

    CLIP_VALUE = 0
    CLIP_NORM = auto()


class Phase(IntEnum):
    """Kinds of phases; they are implemented in `neurosim.backends.cuda.kernels`."""

    FORWARD = 0
    FINISH_ROWS = auto()
    JUDGE_ROWS = auto()
    PULL_BACK = auto()
    BACKWARD = auto()
    DROP_FORWARD = auto()
    DROP_BACKWARD = auto()
    LEARN = auto()  # all stages: gradients of the parameters, and their update
    GATHER = auto()  # all stages: the gradients alone
    ADD_SQUARES = auto()  # all parameters: the parts of the gradient's norm
    UPDATE = auto()  # all parameters, by gradients that were gathered
    FIND_STARTS = auto()  # what weighted sums begin with
    FIND_GRADIENT_STARTS = auto()
    # From here on: only in networks with layers other than dense ones.
    COMBINE_FORWARD = auto()
    COMBINE_BACKWARD = auto()
    ACTIVATE = auto()
    ACTIVATE_BACKWARD = auto()
    JOIN_FORWARD = auto()
    JOIN_BACKWARD = auto()
    FORK_BACKWARD = auto()
    PART_FORWARD = auto()
    PART_BACKWARD = auto()
    CONVOLVE = auto()
    CONVOLVE_BACKWARD = auto()
    CONVOLVE_PARTS = auto()
    POOL_FORWARD = auto()
    POOL_BACKWARD = auto()
    SPREAD_FORWARD = auto()
    SPREAD_BACKWARD = auto()
    SPREAD_PARTS = auto()
    CHANNEL_PARTS = auto()
    CHANNEL_SQUARES = auto()
    CHANNEL_STATISTICS = auto()
    RUNNING_STATISTICS = auto()
    GROUP_STATISTICS = auto()
    NORMALIZE = auto()
    GRADIENT_PARTS = auto()
    CHANNEL_GRADIENTS = auto()
    GROUP_GRADIENTS = auto()
    NORMALIZE_BACKWARD = auto()
    LEARNED_PARTS = auto()
    # From here on: only with optimizers that look at whole arrays.
    CLIP = auto()  # all parameters: the gradient within its bounds
    DIRECTION_SUMS = auto()  # parts of the reductions that are due before the direction
    DIRECTION_VALUES = auto()
    DIRECT = auto()  # the direction, in the place of the gradient
    UPDATE_SUMS = auto()
    UPDATE_VALUES = auto()
    FINISH = auto()  # the update


@dataclass(frozen=True)
class Terms:
    """How long sums are divided into parts that are added up in parallel; the bits depend on it.

    Other sums are divided as in the CPU engine, whose bits they have.

    Attributes
    ----------
    channel : int
        Positions in one part of the sum for a parameter that an activation learns.
    norm : int
        Number of parts of the sum of squares of the gradient, and of each other sum over an array's parameters.
    """

    channel: int = 256
    norm: int = 256
