"""The compiled CPU engine: float32, whole epochs without Python, the same bits for any number of threads.

Read in this order: `plan` (a network as a table of stages), `engine` (the loop over it),
`products`, `masks` and `memory` (what the loop is made of), `templates` and `kernels` (the compiled
forms of activations, losses and optimizers), `backend` (the object that owns the buffers).
"""
