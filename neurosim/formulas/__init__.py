"""Formulas as authors write them, read as syntax trees and rewritten; nothing here knows a compiler."""
