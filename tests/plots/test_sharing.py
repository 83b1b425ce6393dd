"""Pictures drawn by a fork reach the process that writes them whole, or not at all."""

from neurosim.plots.sharing import _packed, _received

FILES = {"a.png": b"\n\x00picture", "é.svg": b"", "b.png": b"another"}


def test_files_are_received_as_they_were_sent():
    assert _received(_packed(FILES)) == FILES
    assert _received(_packed({})) == {}


def test_a_fork_that_ends_too_early_has_drawn_nothing():
    sent = _packed(FILES)
    assert all(_received(sent[:end]) == {} for end in range(len(sent)))
