"""The living definition: NumPy, float64, the formulas as they are written; each kind of layer in a module of its own.

`trace` is what a pass leaves behind, `kinds` the table of the layers' passes, `backend` all of it behind the interface
of every backend.
"""
