"""The harnesses fork processes, limit their memory and send them signals: POSIX only."""

import os

collect_ignore_glob = [] if os.name == "posix" else ["test_*.py"]
