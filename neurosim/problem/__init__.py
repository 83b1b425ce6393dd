"""From a scenario and its data to what is trained: the rows, the network and the training settings."""
