"""Launches of the Triton kernels for torch. Only ``availability`` and ``limits`` may be imported without Triton."""
