"""What `neurosim bench` measures: one small training, done in four ways from slow to fast, and its parts.

* `problem` is the network and its made-up data.
* `naive` trains it in plain Python loops, `plain_numpy` in NumPy as one would write it.
* `measure` holds clocks, rounds and medians; it knows nothing of networks.
* `training` checks that all ways compute the same, then times them; `parts` times kernels alone.
* `report` is what comes out, as plain data.
"""
