"""What `neurosim bench` measures: training one small network in four ways, from slow to fast, and its parts.

* `problem` is the network and its synthetic data.
* `naive` trains it in plain Python loops, `plain_numpy` in straightforward NumPy.
* `measure` has clocks, rounds and medians; it knows nothing about networks.
* `training` checks that all ways compute the same, then times them; `parts` times individual kernels.
* `report` is the result, as plain data.
"""
