"""The event files that TensorBoard reads: events in the encoding of Protocol Buffers, each framed as a TFRecord.

Written here because it is little, and a library for it would be one more dependency. The numbers of the fields are
those of ``event.proto``, ``summary.proto`` and ``tensor.proto``.
"""

import functools
import math
import struct

# Kinds of values on the wire.
VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
LARGEST = (2 - 2**-23) * 2.0**127  # of float32
TEXT = 7  # DT_STRING
STARTED = 1  # SessionLog.START


def beginning(when):
    """What a file begins with: its version, and that whatever was known of these steps before is void."""
    started = _key(7, BYTES) + _sized(_key(1, VARINT) + _varint(STARTED))
    return _record(_event(when, 0, _text(3, "brain.Event:2"))) + _record(_event(when, 1, started))


def scalars(values, step, when):
    """Numbers, by tag, at a step."""
    summary = b""
    for tag, value in values.items():
        summary += _key(1, BYTES) + _sized(_text(1, tag) + _key(2, FLOAT) + _float32(value))
    return _record(_event(when, step, _key(5, BYTES) + _sized(summary)))


def text(tag, words, when):
    """A text in Markdown."""
    tensor = _key(1, VARINT) + _varint(TEXT) + _text(8, words)
    metadata = _key(1, BYTES) + _sized(_text(1, "text"))
    value = _text(1, tag) + _key(8, BYTES) + _sized(tensor) + _key(9, BYTES) + _sized(metadata)
    return _record(_event(when, 0, _key(5, BYTES) + _sized(_key(1, BYTES) + _sized(value))))


def _event(when, step, what):
    return _key(1, DOUBLE) + struct.pack("<d", when) + _key(2, VARINT) + _varint(step) + what


def _record(event):
    """An event in its frame: its length, the event, and a checksum of each."""
    length = struct.pack("<Q", len(event))
    return length + _masked(length) + event + _masked(event)


def _key(number, kind):
    return _varint(number << 3 | kind)


def _text(number, words):
    return _key(number, BYTES) + _sized(words.encode())


def _sized(content):
    return _varint(len(content)) + content


def _float32(value):
    return struct.pack("<f", math.copysign(math.inf, value) if abs(value) > LARGEST else value)


def _varint(number):
    """Seven bits at a time, the lowest first; all but the last with the eighth bit set."""
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _masked(content):
    """CRC-32C, turned by 15 bits and moved, as a TFRecord has it: data with checksums in it keep a sound one."""
    rest = 0xFFFFFFFF
    table = _remainders()
    for byte in content:
        rest = table[(rest ^ byte) & 0xFF] ^ (rest >> 8)
    rest ^= 0xFFFFFFFF
    return struct.pack("<I", ((rest >> 15 | rest << 17) + 0xA282EAD8) & 0xFFFFFFFF)


@functools.cache
def _remainders():
    """Of each byte by the polynomial of Castagnoli, bits reversed."""
    found = []
    for byte in range(256):
        rest = byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
        found.append(rest)
    return found
