"""Runs that are short, and the same from Python and on the command line."""

FEW = {"training.epochs": 6, "expect": {}}
SETTINGS = ("--set", "training.epochs=6", "--set", "expect={}")
