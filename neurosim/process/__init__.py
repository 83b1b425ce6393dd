"""The process that neurosim runs in: requests to end it, the processes it starts, and the settings it ignores."""
