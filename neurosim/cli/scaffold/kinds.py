"""The kinds of plugin that can be started, and how each is tried out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of record, with templates in the folder of this name.

    Attributes
    ----------
    name : str
        What ``--kind`` takes; also the folder of the templates.
    label : str
        What it is called in sentences.
    catalog : str
        Where a registry keeps such records.
    scenario : str
        A shipped scenario to try it on.
    settings : tuple of str
        What ``--set`` puts into that scenario; ``{name}`` stands for the record.
    """

    name: str
    label: str
    catalog: str
    scenario: str
    settings: tuple[str, ...]

    def run_command(self, record: str, plugin_file: str = "") -> str:
        """The command that runs the scenario with the record of that name."""
        parts = ["neurosim run", self.scenario]
        if plugin_file:
            parts.append(f"--plugin {plugin_file}")
        return " ".join([*parts, *(f"--set {setting.format(name=record)}" for setting in self.settings)])


KINDS = {
    kind.name: kind
    for kind in (
        Kind("activation", "activation", "activations", "spirals", ("network.layers.0.activation={name}",)),
        Kind("loss", "loss", "losses", "sine", ("network.loss={name}",)),
        Kind("optimizer", "optimizer", "optimizers", "moons", ("optimizer.name={name}",)),
        Kind("dataset", "data set", "datasets", "spirals", ("data.source={name}", "data.noise=0.0")),
    )
}
