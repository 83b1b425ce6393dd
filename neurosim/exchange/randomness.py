"""The random numbers of a run as code: the order of the rows in each epoch, and the masks of dropout.

They are those of `neurosim.randomness`, in plain Python.
"""

from __future__ import annotations

KEYS = '''
MASK, GOLDEN = 2**64 - 1, 0x9E3779B97F4A7C15


def mix(bits):
    """Scramble 64 bits: the finalizer of SplitMix64."""
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return bits ^ (bits >> 31)


def key(word, *numbers):
    """The 64 bits from which all random numbers for one purpose come."""
    state = mix((SEED + GOLDEN) & MASK)
    for part in [len(word), *word.encode(), *numbers]:
        state = mix(((state ^ part) + GOLDEN) & MASK)
    return state
'''

SHUFFLED = '''
def shuffled(rows, epoch):
    """The numbers of the rows in the order of an epoch (Fisher and Yates 1938)."""
    order, state = list(range(rows)), key("shuffle", epoch)
    for last in range(rows - 1, 0, -1):
        bits = mix((state + (last + 1) * GOLDEN) & MASK)
        other = ((bits >> 32) * (last + 1)) >> 32
        order[last], order[other] = order[other], order[last]
    return order
'''

NUMPY_MASK = '''
def dropout_mask(layer, epoch, places, units, rate):
    """0 for the units that are switched off, 1 / (1 - rate) for the others.

    There is a row for each of the places that the rows of the batch have in the epoch.
    """
    state = key("dropout", layer, epoch)
    keys = [mix((state + (place + 1) * GOLDEN) & MASK) for place in places]
    first = np.array([bits >> 32 for bits in keys], dtype=np.uint32)[:, None]
    second = np.array([bits & (2**32 - 1) for bits in keys], dtype=np.uint32)[:, None]
    bits = np.arange(units, dtype=np.uint32) + first
    bits = (bits ^ (bits >> 16)) * np.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> 15) ^ second) * np.uint32(0x846CA68B)
    bits = bits ^ (bits >> 16)
    return (bits >= round(rate * 2**32)) / (1 - rate)
'''

TORCH_MASK = '''
def dropout_mask(layer, epoch, places, units, rate):
    """0 for the units that are switched off, 1 / (1 - rate) for the others.

    There is a row for each of the places that the rows of the batch have in the epoch.
    nn.Dropout does the same with random numbers of its own.
    """
    state, word = key("dropout", layer, epoch), 2**32 - 1
    keys = [mix((state + (place + 1) * GOLDEN) & MASK) for place in places]
    first = torch.tensor([bits >> 32 for bits in keys])[:, None]
    second = torch.tensor([bits & word for bits in keys])[:, None]
    bits = (torch.arange(units) + first) & word
    bits = ((bits ^ (bits >> 16)) * 0x7FEB352D) & word
    bits = ((bits ^ (bits >> 15) ^ second) * 0x846CA68B) & word
    bits = bits ^ (bits >> 16)
    return (bits >= round(rate * 2**32)) / (1 - rate)
'''

TORCH_MAP = '''
def as_map(mask, height, width):
    """A mask for maps, whose numbers neurosim has channel by channel at each place."""
    return mask.view(len(mask), height, width, -1).permute(0, 3, 1, 2)
'''
