"""The page on deploying: its programs continue a prompt as torch does, and runtimes refuse in the words it quotes."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from peerspec.backends.torch import PEER
from peerspec.export import export
from peerspec.reference import PeerConfig

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
TEXT = (ROOT / "docs" / "deploy.md").read_text("utf-8")
BUILD, INLINE = re.findall(r"<!-- run -->\n```python\n(.*?)```", TEXT, re.DOTALL)
PROMPT, COUNT, CONTEXT = b"The ", 40, 24
PEER_CONFIG = PeerConfig(32, 2, 64, 4, 16)


@pytest.fixture(scope="module")
def example():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DEPLOY.parent / "language_model")
        spec = importlib.util.spec_from_file_location("generate", DEPLOY.parent / "language_model" / "generate.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture(scope="module")
def expected(example, tmp_path_factory):
    """The file of a model, and how torch continues the prompt."""
    torch.manual_seed(0)
    model = example.LanguageModel(example.LanguageModelConfig(PEER_CONFIG, context=CONTEXT)).eval()
    path = tmp_path_factory.mktemp("deployed") / "model.onnx"
    example.export(model, path)
    return path, example.generate(example.in_torch(model), PROMPT, count=COUNT, context=CONTEXT)


def _continue(*program: str | Path, path: Path, options: tuple[str, ...] = ()) -> bytes:
    command = [*program, path, PROMPT.decode(), str(COUNT), str(CONTEXT), *options]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout


def test_python_continues_as_torch_does(expected):
    assert _continue(sys.executable, DEPLOY / "continue_text.py", path=expected[0]) == expected[1]


def test_python_with_the_kernels_continues_as_torch_does(expected, library):
    program = sys.executable, DEPLOY / "continue_text.py"
    assert _continue(*program, path=expected[0], options=("--kernels",)) == expected[1]


def test_node_continues_as_torch_does(expected):
    node = shutil.which("node")
    if node is None or not (DEPLOY / "node" / "node_modules" / "onnxruntime-node").is_dir():
        pytest.skip("needs Node.js 20 and: npm ci --ignore-scripts --prefix examples/deploy/node")
    assert _continue(node, DEPLOY / "node" / "continue.mjs", path=expected[0]) == expected[1]


def test_an_inlined_model_continues_as_torch_does(expected, tmp_path, monkeypatch):
    shutil.copy(expected[0], tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(INLINE, {})
    assert _continue(sys.executable, DEPLOY / "continue_text.py", path=tmp_path / "inlined.onnx") == expected[1]


def test_a_library_of_kernels_can_be_taken_along(library, tmp_path, monkeypatch):
    shutil.copy(library, tmp_path / "libpeerspec_ort.so")  # so that build finds it built
    monkeypatch.chdir(tmp_path)
    exec(BUILD, {})


def test_runtimes_refuse_in_the_words_of_the_page(example, expected, tmp_path):
    export(PEER(PEER_CONFIG, dtype=torch.float64).to_layer(), tmp_path / "float64.onnx")
    export(PEER(PEER_CONFIG).to_layer(), tmp_path / "lost.onnx", external_threshold=0)
    (tmp_path / "lost.onnx.data").unlink()
    too_long = np.zeros((1, CONTEXT + 1), np.int64)
    for words, refused in (
        ("Could not find an implementation for Erf", lambda: onnxruntime.InferenceSession(tmp_path / "float64.onnx")),
        ("External data path does not exist", lambda: onnxruntime.InferenceSession(tmp_path / "lost.onnx")),
        ("Attempting to broadcast an axis", lambda: example.in_onnxruntime(expected[0])(too_long)),
    ):
        assert f"| `{words}` |" in TEXT
        with pytest.raises(Exception, match=words):  # each status of ONNX Runtime has a class of its own
            refused()
