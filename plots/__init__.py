"""Pictures of how a layer uses its experts, from NumPy arrays: for papers, and as one page to look at while training.

    layer = LayerUsage(counts, gate_sums, history)
    save(usage_histogram(layer), Path("histogram.svg"))
    write_page(Path("usage.html"), {"block.1": layer})

The arrays are those of ``peerspec.backends.torch.Usage``, of ``peerspec.backends.jax.usage``, or one's own.
"""

from peerspec.plots import (
    requirement as requirement,
)  # first: without matplotlib its import fails with a sentence that says what to install

# isort: split
from peerspec.plots.grid import usage_grid
from peerspec.plots.histogram import usage_histogram
from peerspec.plots.layer_usage import LayerUsage
from peerspec.plots.page import write_page
from peerspec.plots.save import save
from peerspec.plots.steps import usage_over_steps
from peerspec.plots.theme import DARK, LIGHT, Theme

__all__ = [
    "DARK",
    "LIGHT",
    "LayerUsage",
    "Theme",
    "save",
    "usage_grid",
    "usage_histogram",
    "usage_over_steps",
    "write_page",
]
