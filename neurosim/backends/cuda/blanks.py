"""The blanks in the kernels, which a generated module fills in for one network.

The files in `neurosim.backends.cuda.kernels` are ordinary Python and can be read as such, but they are never imported.
Their text is appended to a header that defines the names below: functions translated from the plugins that the network
uses, and the sizes of tiles. So kernels have no calls through pointers and no branches on sizes, and a plugin's
formula is right in the middle of them.
"""

# mypy: disable-error-code="no-untyped-def"

from typing import Any

import numpy as np

# Tiles. A block of threads computes ROWS x COLUMNS numbers of a product at a time, DEPTH terms at a time; each of its
# THREADS threads keeps DOWN x ACROSS of them in registers.
ROWS = COLUMNS = DEPTH = 16
DOWN = ACROSS = 1
THREADS = (ROWS // DOWN) * (COLUMNS // ACROSS)
# Number of the optimizer's slots, and of the step constants that it takes.
SLOTS = CONSTANTS = 0
# Whether a normalization of the network is one of maps.
HAS_MAPS = False

# Of small networks, each trained by THREADS threads, NETWORKS of them in a block: the table of the network; the rows of
# a batch, and whether all batches have so many; how many numbers an input and an output have; how many dropout layers
# there are, and whether rows are shuffled; the length of those arrays that are in shared memory, 0 for the others.
STAGE_TABLE, NUMBER_TABLE = np.zeros((1, 1), np.int32), np.zeros(1, np.float32)
LOSS_TABLE = np.zeros(1, np.int32)
BATCH, WHOLE, NETWORK_INPUTS, NETWORKS = 1, True, 1, 1
OUTPUTS, DROPOUTS, SHUFFLES, SLOTS_HERE = 1, 0, False, 0
WEIGHTS_HERE = STATE_HERE = WORK_HERE = ORDER_HERE = MEASURES_HERE = 0


def wait():
    """Waits for the other threads of a small network."""


def run_step(net, data, loss, rows, first, learner, step, measures):
    """All phases of a step of a small network, each followed by `wait`."""


# Of `kernels.resident`: how a network is divided among blocks (see `neurosim.backends.cuda.resident`).
BLOCKS = MOST_OWN = MOST_SUMS = OWN_SLOTS = PIECES = WIDE = FROM_LOGITS = MEETINGS = 0
OWN_NUMBERS = KEPT_NUMBERS = POOL_NUMBERS = OUTGOING_NUMBERS = LAST_NUMBERS = LAST_UNITS = 0
# The table of stages, and for each where it is; the table of the loss.
STAGES: tuple[Any, ...] = ()
LOSS: tuple[int, ...] = ()


def activate(which, z, numbers, at, net, s, unit):
    """Activation number `which` of one weighted sum.

    Its parameters are ``numbers[at]``, ``numbers[at + 1]``, ...; those that it learns are of the unit of stage `s`.
    """


def slope(which, z, a, numbers, at, net, s, unit):
    """Its derivative."""


def keep_slopes(which, z, a, numbers, at, net, s, unit, place, d):
    """Stores the derivatives with respect to the parameters that it learns, times `d`; nothing if there are none."""


def activate_row(which, z, a, numbers, at):
    """Fills the row `a` with a row-wise activation of the row `z`."""


def pull_back_row(which, z, a, da, dz, numbers, at):
    """Fills the row `dz` with the gradient with respect to `z`."""


def loss_of_row(z, a, values, classes, row, numbers, at):
    """The loss of one row of outputs.

    Its target is ``values[row]`` or ``classes[row]``, of row `row` of the data set: whichever the loss needs.
    """


def loss_gradient(z, a, values, classes, row, d, numbers, at):
    """Fills the row `d` with the gradient with respect to `a`, or to `z` for a pair from logits."""


def update(weights, state, k, g, constants, step):
    """Updates parameter `k` and its slots from its gradient `g`, with the constants of a step."""


def run_layer_phase(kind, net, data, s, rows, first, learning, team, shared):
    """A phase of layers other than dense ones and dropout: from `kernels.layers` if there are any, else empty."""


def learn_layers(net, rows, learner, step, learning, team):
    """The learning of such layers; likewise."""


def gate(which, u, v, numbers, at):
    """Gate number `which` of two numbers; its parameters are ``numbers[at]``, ``numbers[at + 1]``, ..."""


def gate_du(which, u, v, numbers, at):
    """Its derivative with respect to `u`."""


def gate_dv(which, u, v, numbers, at):
    """Its derivative with respect to `v`."""


def run_gate_phase(kind, net, data, s, rows, first, team):
    """A phase of units that make one number of several: from `kernels.gates` if there are any, else empty."""


def run_map_phase(kind, net, data, s, rows, first, team, shared):
    """A phase of a convolution or a pool: from `kernels.pools` if there are any, else empty."""


def run_spread_phase(kind, net, data, s, rows, first, team):
    """A phase of a convolution with groups or a dilation: from `kernels.spread` if there is one, else empty."""


def learned_parts(net, s, rows, team):
    """The phase of an activation that learns: from `kernels.learned` if there is one, else empty."""


def learn_activation(net, s, rows, learner, step, learning, team):
    """What the activation of stage `s` learns; likewise."""


def learn_convolution(net, s, rows, learner, step, learning, team):
    """What the convolution `s` learns: of `kernels.conv2d`; likewise."""


def run_norm_phase(kind, net, data, s, rows, first, learning, team):
    """A phase of a normalization: from `kernels.norms` if there are any, else empty."""


def learn_norm(net, s, rows, learner, step, learning, team):
    """The learning of the normalization `s`; likewise."""


def run_array_phase(kind, net, loss, learner, step, team):
    """A phase of an update that looks at whole arrays: from `kernels.arrays` if there is one, else empty."""


def call_direction(weights, state, gradient, work, k, values, spread, size, constants, step, first):
    """The direction of parameter `k`, in the place of its gradient, and its slots; of such an update.

    The reductions of its array are in the work space at `values`; those of its own at `spread`, each `size` after the
    one before. Its constants are ``constants[step, first]``, ``constants[step, first + 1]``, ...
    """


def call_update(weights, state, gradient, work, k, values, spread, size, constants, step, first):
    """The update of parameter `k`; likewise."""


def run_resident_step(net, near, data, rows, first, coming, learner, measures, ahead, counter, met):
    """A step of `kernels.resident`, layer by layer."""


def take_along(net, near):
    """All that a block owns, from the GPU's memory into its own."""


def bring_home(net, near):
    """And back."""
