"""Starting a plugin: a package, or a single file, that works as written and is meant to be changed."""

from neurosim.cli.scaffold.author import Author, author
from neurosim.cli.scaffold.kinds import KINDS, Kind
from neurosim.cli.scaffold.names import Names, plugin_names
from neurosim.cli.scaffold.writing import package_files, single_file, write_files

__all__ = ["KINDS", "Author", "Kind", "Names", "author", "package_files", "plugin_names", "single_file", "write_files"]
