"""How far results may lie apart that only add up in another order."""

__all__ = ["APART"]

APART = 2.0**-33
"""Of the largest number of a result in float64.

A result is a chain of fewer than 2¹⁰ roundings, of 2⁻⁵³ each, of numbers that the rest of the chain makes at most 2¹⁰
times as large: layers, losses and steps here have sums of at most 150 numbers of order one. A term that is lost, or is
counted twice, changes a result by more than 2⁻²⁰.
"""
