"""Elementary functions of float64 with the same bits on every machine.

The last bits of NumPy's functions depend on the vector instructions of the processor, and those of the C library on the
system. What ends in a trained network must not, so initial values, generated data, augmented images, schedules and what
an optimizer works out once a step take these: additions, multiplications, divisions, square roots and roundings, each
an operation of its own, which every processor rounds alike.

`scalars` has the functions of Python's ``math`` for single numbers, which Numba compiles too: those of `powers`,
`angles` and `hyperbolic`. `arrays` has those for NumPy's arrays, and `pairs` what is common to both.
"""

from neurosim.elementary.arrays import cos, exp, log, power, sin

__all__ = ["cos", "exp", "log", "power", "sin"]
