"""A network as data: `layers` (the kinds), `building` (stacking them), `network` (the whole), `memory` (its size)."""
