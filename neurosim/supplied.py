"""What `neurosim` as a whole supplies to its parts below, which only say what they need.

A result has a method `export`, and exporting stands above runs. So `neurosim/__init__.py`, which sees both and is
imported before either, puts the function in here. Likewise a run can be named that a sweep has kept with others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SUPPLIED: dict[str, Callable[..., Any]] = {}
