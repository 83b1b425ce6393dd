"""Numbers about a trained network, for pictures and pages: nothing here draws."""
