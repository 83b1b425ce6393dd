"""The columns of the tables that compiled code steps through: a row for each stage, one for the loss."""

from __future__ import annotations

from enum import IntEnum, auto

# Kinds of stages. Maps have all but the dense one and COMBINE, vectors only the first seven and the last two.
DENSE, DROPOUT, ACTIVATION, BATCH_NORM, LAYER_NORM, FORK, ADD = range(7)
CONV, MAX_POOL, AVG_POOL, MOMENTS, TO_ROWS = range(7, 12)
COMBINE, CONCATENATE = 12, 13


class Field(IntEnum):
    """Columns of the stage table. Addresses are 0 if there is no such thing."""

    KIND = 0
    INPUTS = auto()
    UNITS = auto()  # numbers in one row of the output
    CHANNELS = auto()  # length of the last axis
    MAPS = auto()  # works on maps, group by group, see `neurosim.backends.cpu.maps`
    BY_ROWS = auto()  # cut into blocks of rows, not of columns
    COLUMN_BLOCKS = auto()  # blocks of columns in the forward pass
    INPUT_BLOCKS = auto()  # blocks of inputs in the backward pass
    WAIT = auto()  # the next stage needs the other threads' blocks of this one
    ACTIVE = auto()  # the gradient with respect to the outputs is needed
    X = auto()  # address of the inputs; 0 for the batch itself
    Z = auto()  # address of the weighted sums
    A = auto()  # address of the outputs
    D = auto()  # address of the gradient with respect to the outputs, then to z
    DX = auto()  # address of the gradient with respect to the inputs; 0 if it is not needed
    OTHER = auto()  # address of what a join adds, and of what a fork adds to the gradient
    INNER = auto()  # address of the gradient to which a join copies its own: that of the last stage before it
    BESIDE = auto()  # likewise of that of a shortcut, where it is not the join's own
    ENDS_BRANCH = auto()  # what comes next in the table is another branch: its gradient is from the join of both
    WEIGHT = auto()  # or gamma
    BIAS = auto()  # or beta
    WEIGHT_GRADIENT = auto()
    BIAS_GRADIENT = auto()
    WEIGHT_STATE = auto()
    BIAS_STATE = auto()
    WEIGHTS = auto()  # number of weights
    HAS_BIAS = auto()
    PENALTY = auto()  # address of l1 and l2
    FORWARD = auto()  # address of the activation's kernel; 0 for the identity
    BACKWARD = auto()
    WHOLE_ROWS = auto()  # the activation works on rows
    PARAMS = auto()  # address of the activation's parameters; if it learns some of them, that of `LearnedField`s
    LEARNS = auto()  # the activation learns some of its parameters
    FROM_LOGITS = auto()  # the incoming gradient is with respect to z
    DROPOUT_INDEX = auto()
    DROP_BELOW = auto()
    DROP_SCALE = auto()  # address of 1 / (1 - rate)
    BATCH = auto()  # normalize with the statistics of the batch
    MOVE = auto()  # and update the running ones
    SETTINGS = auto()  # address of epsilon and momentum
    RUNNING_MEAN = auto()
    RUNNING_VARIANCE = auto()
    MEAN = auto()  # address of the means in use
    INVERSE = auto()  # address of 1 / sqrt(variance + epsilon)
    X_GROUP = auto()  # bytes from one group of maps to the next, in the input
    A_GROUP = auto()  # and in the output
    GEOMETRY = auto()  # address of the numbers that describe how a kernel moves over a map
    PACKED = auto()  # addresses of copies of the weights in the order in which convolutions read them
    PACKED_TRANSPOSED = auto()
    PARTIALS = auto()  # address of sums over each group
    PARTIAL = auto()  # numbers in one of them
    LATE_BIAS = auto()  # of networks side by side: the bias is added to the sum of products, which begins at 0
    LANE_PRODUCT = auto()  # and address of the kernel for its products; 0 for plain loops
    SUMS_FORWARD = auto()  # and addresses of the kernels for the sums of a layer
    SUMS_BACKWARD = auto()
    KERNEL = auto()  # address of the kernel of this kind of stage; 0 for those that the engine does itself
    BRANCHES = auto()  # of a concatenation: address of how many there are, and of `BranchField`s of each
    SPREAD_KERNEL = auto()  # of a convolution: it has groups, or cells under the kernel that are apart
    BITMAPS = auto()  # address of `BitmapsField`s if the stage reads the bytes of the batch by bitmaps


class BitmapsField(IntEnum):
    """Entries of the table of a first stage that reads rows of mostly zero bytes, see `sparse_products`."""

    GATHER = 0  # addresses of the kernels
    FORWARD = auto()
    BACKWARD = auto()
    BATCHES = auto()  # address of the first row of all batches
    WORDS = auto()  # address of their bitmaps
    SCALES = auto()  # address of what each byte stands for, and of what is added to it


class BranchField(IntEnum):
    """What a concatenation knows of each of its branches. Addresses are 0 if there is no such thing."""

    OUTPUTS = 0  # address of its outputs; 0 for the batch itself
    GRADIENT = auto()  # address of their gradient
    WIDTH = auto()  # its channels, or units of a vector
    GROUP_BYTES = auto()  # from one group of maps to the next


class LearnedField(IntEnum):
    """Entries of the table of an activation that learns some of its parameters. Addresses are 0 without a gradient."""

    FIXED = 0  # address of the parameters that are not learned
    LEARNED = auto()  # address of those that are, one after the other
    LEARNED_GRADIENT = auto()
    LEARNED_STATE = auto()
    NAMES = auto()  # how many parameters are learned
    NUMBERS = auto()  # numbers of each of them: 1, or one for each channel
    WIDTH = auto()  # channels, or units of a vector
    SUMS = auto()  # address of parts of the gradient: by block of rows, or by group of maps in lines
    OUTPUTS = auto()  # address of the outputs of the first group
    GROUP_BYTES = auto()  # and from one group to the next
    SPREAD = auto()  # on maps, address of lines with the learned parameters of the channels


class LossField(IntEnum):
    """Entries of the loss table."""

    FUNCTION = 0
    PARAMS = auto()
    Z = auto()
    A = auto()
    D = auto()
    OUTPUTS = auto()
    VALUES = auto()  # address of the batch's target values
    CLASSES = auto()  # address of the batch's class indices
    ROW_WEIGHTS = auto()  # address of the batch's weights, where its rows have some
    FROM_LOGITS = auto()
    BY_BLOCKS = auto()  # of networks side by side: each block of rows has sums of its own, as in the engine
    OF_ROWS = auto()  # of networks side by side: address of the kernel for losses that need whole rows
    WEIGHTED = auto()  # of networks side by side: whether the rows have weights


# Numba reads module constants, not members of an enumeration.
(
    KIND, INPUTS, UNITS, CHANNELS, MAPS, BY_ROWS, COLUMN_BLOCKS, INPUT_BLOCKS, WAIT, ACTIVE, X, Z, A, D, DX, OTHER,
    INNER, BESIDE, ENDS_BRANCH, WEIGHT, BIAS, WEIGHT_GRADIENT, BIAS_GRADIENT, WEIGHT_STATE, BIAS_STATE, WEIGHTS,
    HAS_BIAS, PENALTY, FORWARD, BACKWARD, WHOLE_ROWS, PARAMS, LEARNS, FROM_LOGITS, DROPOUT_INDEX, DROP_BELOW,
    DROP_SCALE, BATCH, MOVE, SETTINGS, RUNNING_MEAN, RUNNING_VARIANCE, MEAN, INVERSE, X_GROUP, A_GROUP, GEOMETRY,
    PACKED, PACKED_TRANSPOSED, PARTIALS, PARTIAL, LATE_BIAS, LANE_PRODUCT, SUMS_FORWARD, SUMS_BACKWARD, KERNEL,
    BRANCHES, SPREAD_KERNEL, BITMAPS,
) = (int(field) for field in Field)  # fmt: skip
(
    LOSS,
    LOSS_PARAMS,
    LOSS_Z,
    LOSS_A,
    LOSS_D,
    OUTPUTS,
    VALUES,
    CLASSES,
    ROW_WEIGHTS,
    LOSS_FROM_LOGITS,
    LOSS_BY_BLOCKS,
    LOSS_OF_ROWS,
    LOSS_WEIGHTED,
) = (int(field) for field in LossField)
(
    FIXED, LEARNED, LEARNED_GRADIENT, LEARNED_STATE, NAMES, NUMBERS, WIDTH, SUMS, LEARNED_OUTPUTS, GROUP_BYTES, SPREAD,
) = (int(field) for field in LearnedField)  # fmt: skip
(BITMAPS_GATHER, BITMAPS_FORWARD, BITMAPS_BACKWARD, BATCHES, WORDS, SCALES) = (int(field) for field in BitmapsField)
FIELDS = len(Field)
LOSS_FIELDS = len(LossField)
LEARNED_FIELDS = len(LearnedField)
BITMAPS_FIELDS = len(BitmapsField)
BRANCH_FIELDS = len(BranchField)
# The arguments of a call of the map kernels besides the stages: entries of a table of integers.
# `PARTS` is the number of parts into which each group is divided.
INPUT, ROWS, FIRST_ROW, KEYS, SCRATCH, PARTS = range(6)
CONTEXT = 6
# Behind them, the phase that the thread is in, its number and that of all, see `team`.
PHASE, THREAD, THREADS = range(6, 9)
# What the kernel of a stage is to do: on vectors, layer normalization goes back in two steps, by rows and by columns;
# on maps, there are weights to put into the order in which they are read, for the forward pass or for both, and a
# convolution of a group in parts goes back through its activation first.
GO_FORWARD, GO_BACK, BACK_BY_COLUMNS, PACK, PACK_BOTH, THROUGH_ACTIVATION = range(6)
