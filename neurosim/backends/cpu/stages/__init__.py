"""Layers as stages of a plan, a module for each kind."""
