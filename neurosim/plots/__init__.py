"""Pictures, drawn with matplotlib from a run's facts; only `pictures` and what it uses load it."""
