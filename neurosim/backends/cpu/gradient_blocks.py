"""How the gradient of a convolution's weights is divided: into blocks of output rows, each a sum of its own."""

from __future__ import annotations

from neurosim.backends.cpu.vectors import LINE

# Bytes of the operands' rows that are processed before the next tile: they stay in the level-2 cache.
BLOCK = 400_000
# Least number of positions in a block, if the map has as many.
POSITIONS = 96
# Maps with fewer channels get a border of zeros before the gradient of weights, for longer runs of lines. Those with
# more have so many tiles for some output channels that these are first copied to lie together: in place they are a
# power of two apart, as a rule, and drive each other out of the level-1 cache.
FEW_CHANNELS = 4

# Groups of a convolution are taken together up to so many channels: of each cell a group alone may have a single line,
# and these are as far apart as all channels take.
TOGETHER = 8

Geometry = tuple[int, int, int, int, int, int, int, int, int, int, int, int]
# And how far apart the cells under the kernel are, by row and by column, and the number of groups.
SpreadGeometry = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int, int, int]


def rows_of_block(geometry: Geometry, width: int) -> int:
    """The number of output rows whose sums are taken together; `width` is that of the map with its border, if any."""
    _, _, channels, _, out_width, out_channels, _, _, sy, _, _, _ = geometry
    return max(BLOCK // (LINE * (sy * width * channels + out_width * out_channels)), POSITIONS // out_width, 1)


def width_of_map(geometry: Geometry) -> int:
    """The width of the map with its border of zeros, if it gets one."""
    _, width, channels, _, out_width, _, _, kernel_width, _, sx, _, _ = geometry
    return width if channels >= FEW_CHANNELS else (out_width - 1) * sx + kernel_width


def groups_together(lines: int, groups: int) -> int:
    """How many groups are taken together, with so many channels each."""
    return max(1, min(groups, TOGETHER // lines))


def size_of_copy(geometry: SpreadGeometry, rows: int) -> tuple[int, int]:
    """Height and width of the part of a map that so many rows of the output see, with its border of zeros."""
    _, _, _, _, out_width, _, kernel_height, kernel_width, sy, sx, _, _, dy, dx, _ = geometry
    return (rows - 1) * sy + (kernel_height - 1) * dy + 1, (out_width - 1) * sx + (kernel_width - 1) * dx + 1


def rows_of_spread_block(geometry: SpreadGeometry) -> int:
    """As `rows_of_block`, of a convolution with groups or a dilation: of the groups that are taken together."""
    _, _, channels, _, out_width, out_channels, _, kernel_width, sy, sx, _, _, _, dx, groups = geometry
    own, made = channels // groups, out_channels // groups
    width = (out_width - 1) * sx + (kernel_width - 1) * dx + 1
    together = max(1, min(groups, TOGETHER // own))
    lines = (sy * width * own + out_width * made) * together
    return max(BLOCK // (LINE * lines), POSITIONS // out_width, 1)
