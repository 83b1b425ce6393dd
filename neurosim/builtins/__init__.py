"""What neurosim brings along: ordinary plugins, written only against `neurosim.plugin`."""
