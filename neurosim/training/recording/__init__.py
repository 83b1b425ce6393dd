"""What a run records of every layer while it trains: measuring it, keeping it, reading it again."""

from neurosim.training.recording.recording import Recording, load_recording

__all__ = ["Recording", "load_recording"]
