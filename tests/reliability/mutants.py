"""Files changed byte by byte, as damage or a hand with bad intentions would change them."""

CHANGES = ("bit", "byte", "insert", "delete", "cut", "double")


def changed_bytes(rng, content, times, changes=CHANGES, pieces=()):
    """The content with so many changes, each one of some kinds; what is inserted may be one of the pieces."""
    changed = bytearray(content)
    for _ in range(times):
        place, length = rng.randrange(len(changed) + 1), rng.choice((1, 1, 2, 8, 40))
        match rng.choice(changes):
            case "bit" if place < len(changed):
                changed[place] ^= 1 << rng.randrange(8)
            case "byte" if place < len(changed):
                changed[place] = rng.randrange(256)
            case "insert":
                changed[place:place] = rng.randbytes(length)
            case "piece" if pieces:
                changed[place:place] = rng.choice(pieces)
            case "delete":
                del changed[place : place + length]
            case "cut":
                del changed[place:]
            case "double":
                changed[place:place] = changed[place : place + length]
            case "swap":
                changed[place : place + 2] = changed[place : place + 2][::-1]
    return bytes(changed)
