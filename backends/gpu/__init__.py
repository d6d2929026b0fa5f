"""Triton kernels of the layer, one source for torch and JAX. They know no framework; who launches them allocates.

A kernel takes contiguous arrays. Offsets into tables and tokens have 64 bits; sizes that shape a tile are compile-time
constants, and numbers of tokens and rows are arguments: another number of tokens compiles a kernel anew only where it
crosses a power of two and is too small to fill the chip. No kernel adds with atomics, and every sum has one order
(IND-3).
"""
