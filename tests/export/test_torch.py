"""Whole torch models: PEER modules stay layers, and the file computes what the model computes."""

import numpy as np
import onnx
import pytest
import torch
from onnx import checker, inliner
from onnx.reference import ReferenceEvaluator
from torch import nn

from peerspec.backends.onnxruntime import OrtModel
from peerspec.backends.onnxruntime.session import new_session
from peerspec.backends.torch import PEER, onnx_node
from peerspec.export import ExportError, read_layer
from peerspec.export.layer_nodes import find_layers
from peerspec.export.stated import stated_errors
from peerspec.export.table_error import table_error
from peerspec.export.torch import export
from peerspec.files.as_node import AS_NODE
from peerspec.reference import InputError, Layer, PeerConfig

FIRST = PeerConfig(6, 2, 49, 3, 4, activation="silu", query_norm="batch", query_bias=True)
SECOND = PeerConfig(6, 2, 25, 3, 4, d_out=5, expert="glu", activation="relu", gate="sigmoid", key_heads=2)
DYNAMIC = ({0: "batch", 1: "sequence"},)


class Model(nn.Module):
    """Two equal layers and one of another kind, with what a transformer has between them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.blocks = nn.ModuleList(nn.ModuleDict({"norm": nn.LayerNorm(6), "peer": PEER(FIRST)}) for _ in range(2))
        self.last = PEER(SECOND)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = x + block["peer"](block["norm"](x)) + x.cumsum(1)
        return self.last(x)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Model().eval()


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "model.onnx"
    export(model, (torch.zeros(2, 3, dtype=torch.long),), path, dynamic_shapes=DYNAMIC, external_threshold=500)
    return path


def _logits(model, tokens):
    with torch.no_grad():
        return model(torch.from_numpy(tokens)).numpy()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 2), (1, 17), (3, 0)])
def test_the_file_computes_the_model_at_any_batch_and_sequence(model, path, shape):
    tokens = np.random.default_rng(0).integers(0, 11, shape)
    session = new_session(path, threads=1)
    (got,) = session.run(None, {session.get_inputs()[0].name: tokens})
    expected = _logits(model, tokens)
    assert got.shape == expected.shape == (*shape, 5)
    # a wrong expert changes the logits by their own size; the tests below prove more of each layer
    assert np.abs(got - expected).max(initial=0) <= 1e-3 * np.abs(expected).max(initial=0)


def test_every_initializer_can_be_external_scalars_too(model, tmp_path):
    path, tokens = tmp_path / "model.onnx", np.arange(6).reshape(2, 3)
    export(model, (torch.from_numpy(tokens),), path, dynamic_shapes=DYNAMIC, external_threshold=0)
    initializers = onnx.load(path, load_external_data=False).graph.initializer
    assert {tensor.data_location for tensor in initializers} == {onnx.TensorProto.EXTERNAL}
    assert () in {tuple(tensor.dims) for tensor in initializers}
    (got,) = ReferenceEvaluator(onnx.load(path)).run(None, {"tokens": tokens})
    expected = _logits(model, tokens)
    assert np.abs(got - expected).max() <= 1e-3 * np.abs(expected).max()


def test_the_evaluator_and_the_inlined_file_agree(model, path):
    tokens = np.random.default_rng(1).integers(0, 11, (2, 4))
    proto = onnx.load(path)
    inlined = inliner.inline_local_functions(proto)
    assert {node.domain for node in inlined.graph.node} == {""}
    expected = _logits(model, tokens)
    for evaluator in (ReferenceEvaluator(proto), ReferenceEvaluator(inlined)):
        (got,) = evaluator.run(None, {"tokens": tokens})
        assert np.abs(got - expected).max() <= 1e-3 * np.abs(expected).max()


def test_the_layers_keep_their_names_parameters_and_kinds(model, path):
    proto = onnx.load(path, load_external_data=False)
    checker.check_model(path, full_check=True)
    nodes = find_layers(proto, path)
    assert [(layer_node.name, layer_node.node.op_type) for layer_node in nodes] == [
        ("blocks.0.peer", "Layer"),
        ("blocks.1.peer", "Layer"),
        ("last", "Layer_2"),
    ]
    assert [f.name for f in proto.functions].count("ProductKeyTopK") == 1
    for name in ("blocks.1.peer", "last"):
        layer, expected = read_layer(path, name), model.get_submodule(name).to_layer()
        assert layer.config == expected.config
        for parameter, array in expected.params.items():
            np.testing.assert_array_equal(layer.params[parameter], array)


def test_a_layer_of_the_file_runs_alone_and_shows_its_routing(model, path, assert_conforms):
    for name in ("blocks.0.peer", "last"):
        found = OrtModel(path, name)
        x = np.random.default_rng(2).standard_normal((7, 6)).astype(np.float32)
        output = found.run(x)
        assert_conforms(found.layer, x, output.y, output.scores, output.indices, output.gates)


def test_the_file_says_nothing_of_the_machine_it_was_made_on(path):
    text = path.read_bytes()
    for word in (b"site-packages", b"stack_trace", b".py"):
        assert word not in text


def test_a_peer_layer_alone_is_a_model_too_in_other_precisions(tmp_path):
    for dtype in (torch.bfloat16, torch.float64):
        module = PEER(PeerConfig(6, 2, 25, 3, 4, activation="silu", query_norm="batch"), dtype=dtype).eval()
        path = tmp_path / f"{dtype}.onnx"
        export(module, (torch.zeros(4, 6, dtype=dtype),), path, dynamic_shapes={"x": {0: "tokens"}}, body="scan")
        found = OrtModel(path)
        assert found.layer.dtype == module.to_layer().dtype
        assert found.run(np.zeros((3, 6), found.layer.dtype)).y.shape == (3, 6)


def test_a_whole_model_takes_tables_in_fewer_bytes(model, tmp_path, assert_conforms):
    path = tmp_path / "model.onnx"
    tokens = np.random.default_rng(0).integers(0, 11, (2, 3))
    export(model, (torch.from_numpy(tokens),), path, dynamic_shapes=DYNAMIC, tables="int8", external_threshold=100)
    proto = onnx.load(path, load_external_data=False)
    nodes = find_layers(proto, path)
    assert [(layer_node.node.op_type, layer_node.tables) for layer_node in nodes] == [
        ("LayerInt8", "int8"),
        ("LayerInt8", "int8"),
        ("LayerInt8_2", "int8"),
    ]
    stated = stated_errors(proto, path)
    for layer_node in nodes:
        made_from, found = model.get_submodule(layer_node.name).to_layer(), OrtModel(path, layer_node.name)
        assert stated[layer_node.name] == ("int8", table_error(made_from, "int8"))
        x = np.random.default_rng(2).standard_normal((7, 6)).astype(np.float32)
        output = found.run(x)
        assert_conforms(found.layer, x, output.y, output.scores, output.indices, output.gates)
    (got,) = new_session(path, threads=1).run(None, {"tokens": tokens})
    expected = _logits(model, tokens)
    assert 0 < np.abs(got - expected).max() <= 0.2 * np.abs(expected).max()  # a wrong row is off by its whole size


def test_only_float32_layers_of_a_whole_model_take_tables_in_fewer_bytes(tmp_path):
    module = PEER(PeerConfig(6, 2, 25, 3, 4), dtype=torch.float64).eval()
    with pytest.raises(ExportError, match="int8 tables need a float32 layer, this one is float64"):
        export(module, (torch.zeros(4, 6, dtype=torch.float64),), tmp_path / "model.onnx", tables="int8")
    assert not list(tmp_path.iterdir())


def test_a_model_that_cannot_be_exported_is_refused_in_one_sentence(tmp_path):
    tokens = (torch.zeros(2, 6),)
    with pytest.raises(ExportError, match=r"training mode .*call model.eval"):
        export(nn.Sequential(PEER(FIRST)).eval().train(), tokens, tmp_path / "model.onnx")
    with pytest.raises(ExportError, match="holds no PEER layer"):
        export(nn.Linear(6, 6).eval(), tokens, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_node_itself_refuses_batch_statistics(monkeypatch):
    monkeypatch.setattr(onnx_node, "traced_for_onnx", lambda: True)
    token = AS_NODE.set(True)
    try:
        with pytest.raises(InputError, match=r"no batch statistics; call model\.eval"):
            PEER(FIRST)(torch.zeros(2, 6))
    finally:
        AS_NODE.reset(token)


class Narrow(nn.Module):
    """A float32 layer that gets bfloat16 tokens, as mixed precision makes them, and returns its routing."""

    def __init__(self, layer) -> None:
        super().__init__()
        self.peer = layer

    def forward(self, x):
        return self.peer.forward_with_routing(x.to(torch.bfloat16))[:4]


NARROW = [PEER(SECOND).eval(), Narrow(PEER(FIRST)).eval()]


@pytest.mark.parametrize(("model", "dtype", "name"), [(NARROW[0], torch.bfloat16, "layer"), (NARROW[1], None, "peer")])
def test_tokens_of_another_dtype_than_the_parameters_are_refused_in_one_sentence(tmp_path, model, dtype, name):
    with pytest.raises(ExportError) as found:
        export(model, (torch.zeros(2, 6, dtype=dtype),), tmp_path / "model.onnx")
    wanted = f"the layer '{name}' must get tokens of the dtype of its parameters, float32, got bfloat16; "
    assert str(found.value).startswith(wanted)
    assert str(found.value).endswith("before the export (ONX-11)")
    assert not list(tmp_path.iterdir())


def test_a_model_on_the_meta_device_is_refused_in_one_sentence(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6), PEER(SECOND, device="meta")).eval()
    with pytest.raises(ExportError, match=r"^the model is on the meta device, .*; load its parameters first$"):
        export(model, (torch.zeros(2, 6),), tmp_path / "model.onnx")


def test_the_layer_of_a_jax_pytree_is_exported_in_one_line(tmp_path):
    from peerspec.backends.jax import layer_from_params, params_from_layer
    from peerspec.export import export as export_layer

    layer = Layer.random(SECOND)
    export_layer(layer_from_params(SECOND, params_from_layer(layer)), tmp_path / "layer.onnx")
    got = read_layer(tmp_path / "layer.onnx")
    for name, array in layer.params.items():
        np.testing.assert_array_equal(got.params[name], array)


def test_tokens_of_another_width_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"^x must have shape \[\.\.\., 6\], got \(2, 5\) \(SHP-1\)$"):
        export(nn.Sequential(PEER(SECOND)).eval(), (torch.zeros(2, 5),), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def run(path, tokens):
    """The outputs of a file with one input."""
    session = new_session(str(path), threads=1)
    return session.run(None, {session.get_inputs()[0].name: tokens})


def by_torch(model, tokens, path, **options):
    """The file of torch's own exporter."""
    torch.onnx.export(model, (tokens,), path, dynamo=True, verbose=False, **options)


BARE = [FIRST, SECOND, PeerConfig(6, 2, 49, 9, 4, activation="identity", query_norm="layer")]
"""Without gelu, whose Erf ONNX Runtime does not have in float64."""


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.stack("torch", "torch.onnx", "a bare `torch.onnx.export`, which writes the layer as standard operators")
@pytest.mark.parametrize("config", BARE)
def test_an_export_by_torch_alone_computes_the_layer_by_standard_operators(config, tmp_path):
    module = PEER.from_layer(Layer.random(config, dtype=np.float64)).eval()
    by_torch(module, torch.randn(4, 3, 6).double(), tmp_path / "model.onnx", dynamic_shapes=DYNAMIC)
    checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)
    for shape in [(2, 5, 6), (1, 1, 6), (2, 0, 6), (0, 3, 6)]:
        tokens = np.random.default_rng(0).standard_normal(shape)
        [y] = run(tmp_path / "model.onnx", tokens)
        # numbers below 2⁷ and fewer than 2¹⁰ roundings of 2⁻⁵³: two orders of float64 differ by less
        np.testing.assert_allclose(y, _logits(module, tokens), rtol=0, atol=2**-36)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.parametrize("config", BARE)
@pytest.mark.parametrize("learns", [False, True])
def test_a_program_of_torch_export_computes_the_layer_by_standard_operators(config, learns, tmp_path):
    module = PEER.from_layer(Layer.random(config, dtype=np.float64)).eval()
    tokens = np.random.default_rng(0).standard_normal((2, 5, 6))
    with torch.set_grad_enabled(learns):
        axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence")}
        program = torch.export.export(module, (torch.randn(4, 3, 6).double(),), dynamic_shapes=(axes,))
    torch.onnx.export(program, (), tmp_path / "model.onnx", verbose=False)
    [y] = run(tmp_path / "model.onnx", tokens)
    np.testing.assert_allclose(y, _logits(module, tokens), rtol=0, atol=2**-36)  # as above


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_an_export_by_torch_alone_lists_equal_experts_by_id(tmp_path):
    layer = Layer.random(PeerConfig(6, 2, 25, 7, 4))
    for name, array in layer.params.items():
        array[:] = np.sign(array) if name == "keys" else np.round(array * 4)

    class Routing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.peer = PEER.from_layer(layer)

        def forward(self, x):
            return self.peer.forward_with_routing(x)[1:3]

    module, tokens = Routing().eval(), torch.randint(-2, 3, (64, 6)).float()
    by_torch(module, tokens, tmp_path / "model.onnx")
    scores, ids = run(tmp_path / "model.onnx", tokens.numpy())
    expected = module(tokens)
    assert any(len(set(row)) < len(row) for row in scores.reshape(-1, 7)), "no ties"
    np.testing.assert_array_equal(scores, expected[0].detach())
    np.testing.assert_array_equal(ids, expected[1])


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_an_export_by_torch_alone_in_training_mode_says_so(tmp_path):
    module = PEER.from_layer(Layer.random(FIRST, dtype=np.float64)).train()
    with (
        pytest.warns(UserWarning, match=r"takes the statistics of each batch; .*call model\.eval"),
        pytest.warns(UserWarning, match="^Exporting a model while it is in training mode"),
    ):
        by_torch(module, torch.randn(4, 6).double(), tmp_path / "model.onnx", dynamic_shapes=({0: "tokens"},))
    tokens = np.random.default_rng(0).standard_normal((7, 6))
    y = run(tmp_path / "model.onnx", tokens)[0]
    np.testing.assert_allclose(y, _logits(module, tokens), rtol=0, atol=2**-36)  # as above


@pytest.mark.parametrize("opset", [19, 23, onnx.defs.onnx_opset_version() - 1])
def test_a_model_of_a_later_opset_computes_and_holds_the_same_layers(opset, model, tmp_path):
    path = tmp_path / "model.onnx"
    export(model, (torch.zeros(2, 3, dtype=torch.long),), path, dynamic_shapes=DYNAMIC, opset=opset)
    made = onnx.load(path)
    checker.check_model(made, full_check=True)
    versions = {entry.version for part in (made, *made.functions) for entry in part.opset_import if not entry.domain}
    assert versions == {opset}
    tokens = np.array([[3, 1, 4], [1, 5, 9]])
    [y] = run(path, tokens)
    np.testing.assert_allclose(y, _logits(model, tokens), rtol=1e-5, atol=1e-5)
    layers = {layer.name: layer for layer in find_layers(made, path)}
    for name, module in {"blocks.1.peer": model.blocks[1]["peer"], "last": model.last}.items():
        assert layers[name].config == module.config


@pytest.mark.parametrize("opset", [17, onnx.defs.onnx_opset_version() + 1, "18", None])
def test_an_opset_that_cannot_be_written_is_refused_in_one_sentence(opset, tmp_path):
    with pytest.raises(
        ExportError, match=rf"^opset must lie in 18\.\..*, the newest of the installed onnx, got {opset!r}$"
    ):
        export(PEER(SECOND).eval(), (torch.zeros(2, 6),), tmp_path / "model.onnx", opset=opset)
    assert not list(tmp_path.iterdir())
