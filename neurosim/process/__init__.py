"""The process neurosim runs in: requests to end it, child processes, ignored settings, memory set aside."""
