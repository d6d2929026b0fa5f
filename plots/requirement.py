"""Import matplotlib, or say how to install it."""

try:
    import matplotlib  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "matplotlib":
        raise
    raise ImportError(
        'peerspec.plots needs matplotlib, which is not installed; run: pip install "peerspec[plots]"'
    ) from None
