"""Training a network: the simulator, its epochs, and what is measured and recorded on the way."""
