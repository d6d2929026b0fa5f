"""Models that went through tools of the ONNX world stay verifiable."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxoptimizer
import onnxsim
import onnxslim
import pytest
import torch
from onnx import compose
from onnxruntime.quantization import quantize_dynamic
from torch import nn

from peerspec.backends.torch import PEER
from peerspec.export import ExportError
from peerspec.export.torch import export
from peerspec.reference import Layer, PeerConfig
from peerspec.verification import verify_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Layer]:
    """A model of 8 → 8 features with one layer, and the layer."""
    torch.manual_seed(0)
    whole = nn.Sequential(nn.Linear(8, 8), PEER(PeerConfig(8, 2, 16, 4, 4)), nn.Linear(8, 8)).eval()
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    export(whole, (torch.randn(3, 8),), path, dynamic_shapes=({0: "tokens"},))
    return path, whole[1].to_layer()


def quantised(path: Path, to: Path) -> None:
    quantize_dynamic(path, to)


TOOLS = {
    "onnxslim": lambda path, to: onnx.save(onnxslim.slim(str(path)), to),
    "onnxsim": lambda path, to: onnx.save(onnxsim.simplify(onnx.load(path))[0], to),
    "onnxoptimizer": lambda path, to: onnx.save(onnxoptimizer.optimize(onnx.load(path)), to),
    "quantize_dynamic": quantised,
}


@pytest.mark.stack("torch", "ONNX tools", "onnxslim, onnxsim, onnxoptimizer and `quantize_dynamic` on a whole model")
@pytest.mark.parametrize("tool", TOOLS)
def test_a_model_that_a_tool_changed_still_computes_its_layer(
    tool: str, model: tuple[Path, Layer], tmp_path: Path
) -> None:
    path, layer = model
    TOOLS[tool](path, tmp_path / "changed.onnx")
    (found,) = verify_model(tmp_path / "changed.onnx", layer)
    assert found.report.exit_status == 0, found.report.verdict


@pytest.mark.stack("torch", "ONNX tools", "`onnx.compose`, with the names of functions kept")
def test_merged_models_hold_the_layers_of_both(model: tuple[Path, Layer], tmp_path: Path) -> None:
    path, layer = model
    first, second = (compose.add_prefix(onnx.load(path), prefix, rename_functions=False) for prefix in ("a_", "b_"))
    del second.functions[:]
    pairs = [(first.graph.output[0].name, second.graph.input[0].name)]
    onnx.save(compose.merge_models(first, second, io_map=pairs), tmp_path / "merged.onnx")
    for node in ("a_1", "b_1"):
        (found,) = verify_model(tmp_path / "merged.onnx", layer, node=node)
        assert found.report.exit_status == 0, found.report.verdict


@pytest.mark.stack("torch", "ONNX tools", "`onnx.compose`, with functions renamed", refused=True)
def test_renamed_functions_are_refused_in_one_sentence(model: tuple[Path, Layer], tmp_path: Path) -> None:
    path, layer = model
    onnx.save(compose.add_prefix(onnx.load(path), "a_"), tmp_path / "renamed.onnx")
    with pytest.raises(
        ExportError, match=r"a tool renamed Layer to 'a_Layer': merge models by .*rename_functions=False"
    ):
        verify_model(tmp_path / "renamed.onnx", layer)
