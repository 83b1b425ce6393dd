"""The machines that run a network: `reference` (NumPy, float64) and `cpu` (compiled, float32)."""
