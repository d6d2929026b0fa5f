"""The covering array: layers in which every pair of options, sizes, masks and orders of memory occurs.

Faults of optimised code show at one size, one alignment or one pair of options. A list of cases that people think of
leaves most pairs out. So ``benchmarks/covering.py`` makes the rows, and ``factors`` says which pairs a row covers.
"""
