"""Triton kernels of the layer, one source for torch and JAX. They know no framework; who launches them allocates.

A kernel takes contiguous arrays. Offsets into tables and tokens have 64 bits; sizes that shape a tile are compile-time
constants, and numbers of tokens and rows are arguments, so that another batch compiles nothing. No kernel adds with
atomics, and every sum has one order (IND-3).
"""
