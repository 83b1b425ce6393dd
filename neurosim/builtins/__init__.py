"""What neurosim brings along: ordinary plugins, written only against `neurosim.plugin`."""

MODULES = (
    "neurosim.builtins.activations",
    "neurosim.builtins.losses",
    "neurosim.builtins.optimizers",
    "neurosim.builtins.initializers",
    "neurosim.builtins.schedules",
    "neurosim.builtins.toy_datasets",
    "neurosim.builtins.function_datasets",
    "neurosim.builtins.file_datasets",
)
