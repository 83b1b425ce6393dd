"""What is there: every activation, loss, optimizer, ... and the plugin it comes from.

`build_registry` is a factory, and nothing is kept globally: two registries never disturb each
other. A plugin that cannot be loaded is listed as broken and hurts nothing else.
"""

from neurosim.plugin.host.build import build_registry
from neurosim.plugin.host.calls import blaming, wrong
from neurosim.plugin.host.catalogs import BUILTIN, Catalog, Entry, Plugin, needed_again, suspects
from neurosim.plugin.host.causes import one_line
from neurosim.plugin.host.hooks import HOOKS
from neurosim.plugin.host.installed import GROUP
from neurosim.plugin.host.raised import raised_by
from neurosim.plugin.host.registry import Registry

__all__ = [
    "BUILTIN", "GROUP", "HOOKS", "Catalog", "Entry", "Plugin", "Registry", "blaming", "build_registry",
    "needed_again", "one_line", "raised_by", "suspects", "wrong",
]  # fmt: skip
