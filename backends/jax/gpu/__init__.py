"""Launches of the Triton kernels for JAX. Only ``chip`` may be imported without Triton."""
