"""The kinds of plugin that can be started, and how to try each of them."""

from __future__ import annotations

from dataclasses import dataclass

from neurosim.printable import quoted


@dataclass(frozen=True)
class Kind:
    """One kind of record, with templates in a folder of the same name.

    Attributes
    ----------
    name : str
        The value of ``--kind``; also the folder of the templates.
    label : str
        The name used in sentences.
    catalog : str
        The registry's attribute for such records.
    scenario : str
        A shipped scenario to try the plugin on.
    settings : tuple of str
        The values of ``--set`` for that scenario; ``{name}`` stands for the record.
    """

    name: str
    label: str
    catalog: str
    scenario: str
    settings: tuple[str, ...]

    def run_command(self, record: str, plugin_file: str = "") -> str:
        """The command that runs the scenario with the named record."""
        parts = ["neurosim run", self.scenario]
        if plugin_file:
            parts.append(f"--plugin {plugin_file}")
        return " ".join([*parts, *(f"--set {quoted(setting.format(name=record))}" for setting in self.settings)])


KINDS = {
    kind.name: kind
    for kind in (
        Kind("activation", "activation", "activations", "spirals", ("network.layers.0.activation={name}",)),
        Kind("row-activation", "activation", "activations", "iris", ("network.layers.1.activation={name}",)),
        Kind("gate", "gate", "gates", "moons", ('network.layers.1={{kind="gated", gate="{name}"}}',)),
        Kind("loss", "loss", "losses", "sine", ("network.loss={name}",)),
        Kind("optimizer", "optimizer", "optimizers", "moons", ("optimizer.name={name}",)),
        Kind("initializer", "initializer", "initializers", "moons", ("network.layers.0.init={name}",)),
        Kind("schedule", "schedule", "schedules", "moons", ("optimizer.schedule={name}",)),
        Kind("metric", "metric", "metrics", "iris", ('training.metrics=["{name}"]',)),
        Kind("observer", "observer", "observers", "moons", ('training.observers=["{name}"]',)),
        Kind("dataset", "data set", "datasets", "spirals", ("data.source={name}", "data.noise=0.0")),
    )
}
