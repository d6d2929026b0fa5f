"""The language model of the examples, and a file of it that the programs of ``examples/deploy`` run."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


class Deployed(NamedTuple):
    """A model file, and how torch continues the prompt."""

    path: Path
    prompt: bytes
    count: int
    context: int
    text: bytes


@pytest.fixture(scope="session")
def example() -> ModuleType:
    """The program that trains, exports and generates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES / "language_model")
        spec = importlib.util.spec_from_file_location("generate", EXAMPLES / "language_model" / "generate.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture(scope="session")
def deployed(example, tmp_path_factory) -> Deployed:
    """An untrained model, whose bytes vary more than after short training, with its tables beside it."""
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
    """Node.js, where it has ONNX Runtime's packages for it and for browsers."""
    found = shutil.which("node")
    if found is None or not (EXAMPLES / "deploy" / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip("needs Node.js 20 and: npm ci --ignore-scripts --prefix examples/deploy")
    return found
