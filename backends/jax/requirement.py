"""Import JAX, or say how to install it."""

try:
    import jax  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "jax":
        raise
    raise ImportError(
        'peerspec.backends.jax needs JAX, which is not installed; run: pip install "peerspec[jax]"'
    ) from None
