"""A network as data: `layers` (a module a kind), `network` (the whole), `training` (how), `memory` (its size)."""
