"""The shapes in signatures are true: every option runs with the import hook of jaxtyping and beartype.

The test runs in a separate process, because the hook must be installed before the first import of the reference, makes
every call slower, and raises its own errors for wrong input.
"""

import subprocess
import sys

PROGRAM = """
from itertools import product
from jaxtyping import TypeCheckError, install_import_hook

install_import_hook("peerspec.reference", "beartype.beartype")
import numpy as np
from peerspec.reference import (
    Layer, PeerConfig, expert_usage, forward, gradients, select_exhaustive, select_staircase, select_two_stage,
    unevenness,
)
from peerspec.reference.gates import softmax
from peerspec.reference.query import query

runs = 0
for expert, gate, norm, bias, key_heads, lead, k in product(
    ("mlp", "glu"), ("softmax", "sigmoid"), ("none", "batch", "layer"), (False, True), (1, 3),
    ((6,), (2, 3), ()), (1, 6)
):
    config = PeerConfig(5, 3, 16, k, 8, d_out=7, expert=expert, gate=gate, query_norm=norm, query_bias=bias,
                        key_heads=key_heads)
    layer = Layer.random(config)
    x, dy = np.ones((*lead, 5), np.float32), np.ones((*lead, 7), np.float32)
    out = forward(layer, x, mask=np.ones(lead, bool), training=True)
    gradients(layer, x, dy, indices=out.indices)
    unevenness(out.indices, out.gates, 16), expert_usage(out.indices, 16)
    runs += 1
half = np.zeros((2, 3, 4), np.float16)
for select in (select_exhaustive, select_staircase, select_two_stage):
    select(half, half, 5)
for wrong in (lambda: softmax(np.zeros(3, int)), lambda: query(layer, np.ones((2, 3, 5)))):
    try:
        wrong()
    except TypeCheckError:
        continue
    raise SystemExit("the hook checks nothing")
print(runs)
"""


def test_every_option_keeps_the_shapes_of_the_signatures() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["288"]
