"""Importing: torch only inside this room, one clear sentence without it, shapes as annotated."""

import subprocess
import sys
from pathlib import Path

import peerspec.backends.torch

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import peerspec.backends, peerspec.reference
"""

CHECKED = """
from jaxtyping import install_import_hook

with install_import_hook("peerspec.backends.torch", "beartype.beartype"):
    from peerspec.backends.torch import backend
import numpy as np
from peerspec.reference import Layer, PeerConfig

for options in ({}, {"key_heads": 2, "expert": "glu", "query_norm": "batch", "query_bias": True}):
    layer = Layer.random(PeerConfig(6, 2, 25, 3, 4, d_out=5, **options))
    x, mask = np.ones((2, 4, 6), np.float32), np.ones((2, 4), bool)
    y = backend.forward(layer, x, mask=mask, training=True).y
    backend.gradients(layer, x, y, mask=mask)

from jaxtyping import TypeCheckError
from peerspec.backends.torch.query import query
import torch
try:
    query({}, torch.ones(2, 3, 4))
except TypeCheckError:
    print("checked")
"""


LOADED = """
import sys
from peerspec.backends.torch import backend
print(*(name for name in sys.modules if name.startswith("peerspec.")))
"""

TABLE_GRADIENTS = Path(peerspec.backends.torch.__file__).parent / "table_gradients.py"


def run(program):
    return subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False)


def test_without_torch_the_import_says_what_to_install():
    result = run(BLOCKED + "import peerspec.backends.torch.backend")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: the torch backend needs PyTorch")
    assert 'pip install "peerspec[torch]"' in last
    assert "During handling" not in result.stderr


def test_a_torch_that_is_broken_speaks_for_itself():
    program = BLOCKED.replace("name=name)", "name='libcudart')").replace("No module named", "cannot find")
    result = run(program + "import peerspec.backends.torch.backend")
    assert "cannot find 'torch'" in result.stderr.strip().splitlines()[-1]


def test_the_backend_loads_no_other_backend_and_neither_export_nor_conformance():
    result = run(LOADED)
    assert result.returncode == 0, result.stderr
    rooms = {".".join(name.split(".")[1:3]) for name in result.stdout.split()}
    backends = {room for room in rooms if room.startswith("backends.")}
    assert backends == {"backends.protocol", "backends.registry", "backends.torch", "backends.gpu"}
    of_gpu = {name for name in result.stdout.split() if name.startswith("peerspec.backends.gpu.")}
    assert of_gpu == {"peerspec.backends.gpu.limits", "peerspec.backends.gpu.package"}, "Triton is imported on a GPU"
    others = {"interchange", "export", "conformance", "verification", "cli"}
    assert not {room.partition(".")[0] for room in rooms} & others


def test_gradients_of_tables_do_not_depend_on_the_optimisers():
    assert "torch.optim" not in TABLE_GRADIENTS.read_text("utf-8")


def test_shapes_are_as_annotated():
    result = run(CHECKED)
    assert result.stdout == "checked\n", result.stderr
