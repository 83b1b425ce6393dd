"""A network as data: `layers` (a module a kind), `network` (the whole), `memory` (its size)."""
