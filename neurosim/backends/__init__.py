"""The backends that run a network: `reference` (NumPy, float64), `cpu` (compiled, float32) and `cuda` (on a GPU)."""
