"""Layers as stages of a table, a module for each kind."""
