"""The language model of the examples, and an exported file of it for the programs of ``examples/deploy``."""

import importlib
import shutil
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from support.programs import modules_of

EXAMPLES = Path(__file__).parents[2] / "examples"


class Deployed(NamedTuple):
    """A model file, a prompt, and the text with which torch continues it."""

    path: Path
    prompt: bytes
    count: int
    context: int
    text: bytes


@pytest.fixture(scope="session")
def example() -> ModuleType:
    """The program that trains, exports and generates."""
    with modules_of(EXAMPLES / "language_model"):
        return importlib.import_module("generate")


@pytest.fixture(scope="session")
def deployed(example, tmp_path_factory) -> Deployed:
    """An untrained model, because after short training its bytes vary less; the tables are in an external file."""
    import torch

    from peerspec.reference import PeerConfig

    torch.manual_seed(0)
    config = example.LanguageModelConfig(PeerConfig(32, 2, 2**14, 4, 16), context=24)
    model = example.LanguageModel(config).eval()
    path = tmp_path_factory.mktemp("deployed") / "model.onnx"
    example.export(model, path)
    prompt, count = b"The ", 40
    return Deployed(path, prompt, count, 24, example.generate(example.in_torch(model), prompt, count=count, context=24))


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node.js; the test is skipped unless ONNX Runtime's packages are installed."""
    found = shutil.which("node")
    if found is None or not (EXAMPLES / "deploy" / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip("needs Node.js 20 and: npm ci --ignore-scripts --prefix examples/deploy")
    return found
