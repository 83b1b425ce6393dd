"""Facts about trained networks, for pictures and pages: nothing here draws."""
