"""Starting a plugin: a package, or a single file, that works as written and is there to be changed."""

from neurosim.scaffold.kinds import KINDS, Kind
from neurosim.scaffold.names import Names, plugin_names
from neurosim.scaffold.writing import package_files, single_file, write_files

__all__ = ["KINDS", "Kind", "Names", "package_files", "plugin_names", "single_file", "write_files"]
