"""The module: names, files, modes and dtypes."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_model, save_file, save_model
from support.constant_query import ACCURACY, STEPS, constant_query_layer
from support.constant_query import tokens as constant_tokens

from peerspec.backends.torch import PEER, backend, layers_metadata
from peerspec.backends.torch.arrays import to_array
from peerspec.reference import DTYPES, FileFormError, InputError, Layer, PeerConfig, TableError, list_layers

FULL = PeerConfig(6, 2, 25, 3, 4, d_out=5, query_bias=True, key_heads=2, expert="glu", query_norm="batch")


def tokens(seed=0, count=8):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32))


@pytest.mark.parametrize("config", [FULL, replace(FULL, query_norm="layer"), PeerConfig(6, 2, 25, 3, 4)])
def test_the_state_dict_has_the_names_and_shapes_of_the_specification(config):
    state = PEER(config).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == config.shapes()


def test_running_statistics_are_buffers_and_everything_else_is_learned():
    module = PEER(FULL)
    assert set(dict(module.named_buffers())) == {"query_norm.mean", "query_norm.var"}
    learned = dict(module.named_parameters())
    assert set(learned) == set(FULL.shapes()) - {"query_norm.mean", "query_norm.var"}
    assert all(parameter.requires_grad for parameter in learned.values())


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_layer_survives_the_way_into_a_module_a_file_and_back(tmp_path, dtype):
    layer = Layer.random(FULL, dtype=DTYPES[dtype])
    PEER.from_layer(layer).save(tmp_path / "layer.safetensors")
    back = PEER.load(tmp_path / "layer.safetensors").to_layer()
    assert back.config == FULL
    assert back.dtype == DTYPES[dtype]
    for name, array in layer.params.items():
        np.testing.assert_array_equal(back.params[name], array)


def test_saving_over_a_file_is_refused_unless_asked_for(tmp_path):
    module = PEER(FULL)
    module.save(tmp_path / "layer")
    with pytest.raises(FileFormError, match="overwrite"):
        module.save(tmp_path / "layer")
    module.save(tmp_path / "layer", overwrite=True)


def test_a_module_shares_no_memory_with_the_layer_it_comes_from_or_gives():
    layer = Layer.random(FULL)
    module = PEER.from_layer(layer)
    given, keys = module.to_layer(), layer.params["keys"].copy()
    with torch.no_grad():
        module.keys.add_(1)
    np.testing.assert_array_equal(layer.params["keys"], keys)
    np.testing.assert_array_equal(given.params["keys"], keys)


def test_a_module_with_a_parameter_that_is_not_finite_gives_no_layer():
    module = PEER(FULL)
    with torch.no_grad():
        module.keys[0, 0, 0, 0] = torch.nan
    with pytest.raises(TableError, match="PAR-3"):
        module.to_layer()


def test_training_updates_running_statistics_in_place_and_evaluation_uses_them():
    layer = Layer.random(FULL)
    module, x = PEER.from_layer(layer), tokens()
    running = module.query_norm.mean
    want = backend.forward(layer, x.numpy(), training=True)
    routing = module.forward_with_routing(x)
    np.testing.assert_array_equal(routing.y.detach(), want.y)
    assert module.query_norm.mean is running
    for name, statistic in want.state.items():
        np.testing.assert_array_equal(module.state_dict()[name], statistic)
    before = copy.deepcopy(module.state_dict())
    routing = module.eval().forward_with_routing(x)
    np.testing.assert_array_equal(routing.y.detach(), backend.forward(module.to_layer(), x.numpy()).y)
    assert routing.state is None
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_a_mask_reaches_the_statistics():
    layer = Layer.random(FULL)
    module, x, mask = PEER.from_layer(layer), tokens(), torch.arange(8) < 5
    module(x, mask)
    want = backend.forward(layer, x.numpy(), mask=mask.numpy(), training=True).state
    np.testing.assert_array_equal(module.query_norm.var, want["query_norm.var"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_module_moved_to_another_dtype_computes_as_the_layer_of_that_dtype(dtype):
    module = PEER(replace(FULL, query_norm="layer")).to(dtype).eval()
    out = module.forward_with_routing(tokens().to(dtype))
    want = backend.forward(module.to_layer(), to_array(tokens().to(dtype)))
    assert out.y.dtype == dtype
    np.testing.assert_array_equal(to_array(out.y), want.y)
    np.testing.assert_array_equal(out.indices, want.indices)
    out.y.float().sum().backward()
    assert all(parameter.grad.dtype == dtype for parameter in module.parameters())


def test_a_deep_copy_computes_the_same_and_is_independent():
    module = PEER(FULL).eval()
    clone = copy.deepcopy(module)
    assert torch.equal(clone(tokens()), module(tokens()))
    with torch.no_grad():
        clone.experts.v.zero_()
    assert not clone(tokens()).any()
    assert module(tokens()).any()


def test_the_routing_is_named_and_forward_returns_its_output():
    module = PEER(PeerConfig(6, 2, 25, 3, 4))
    x = tokens().view(2, 4, 6)
    routing = module.forward_with_routing(x)
    assert torch.equal(module(x), routing.y)
    assert routing.indices.shape == routing.gates.shape == routing.scores.shape == (2, 4, 2, 3)


def test_initial_parameters_have_the_scales_of_layer_random_and_follow_the_seed():
    config = PeerConfig(64, 4, 4096, 2, 32, query_norm="batch", expert="glu")
    torch.manual_seed(0)
    module = PEER(config)
    torch.manual_seed(0)
    clone = PEER(config)
    for name, array in Layer.random(config).params.items():
        ours = module.state_dict()[name]
        assert torch.equal(ours, clone.state_dict()[name])
        if array.std() == 0:
            np.testing.assert_array_equal(ours, array)
        else:  # the deviation of m normal draws has one of 1/√(2m) itself: five of them, on both sides
            assert abs(ours.std().item() / array.std() - 1) < 10 / np.sqrt(2 * array.size)


def test_a_million_experts_can_be_built_and_evaluated():
    module = PEER(PeerConfig(2, 1, 2**20, 16, 8))
    out = module.forward_with_routing(torch.ones(3, 2))
    assert out.indices.max() < 2**20
    assert out.y.isfinite().all()


def test_a_module_can_be_built_without_memory():
    module = PEER(PeerConfig(1024, 8, 2**20, 16, 128), device="meta")
    assert module.experts.u.shape == (2**20, 1024)


def test_one_step_of_an_optimiser_lowers_the_loss():
    torch.manual_seed(0)
    module, x, target = PEER(FULL), tokens(1, 64), tokens(2, 64)[:, :5]
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05)
    losses = []
    for _ in range(2):
        loss = (module(x) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]


def test_tokens_of_another_dtype_are_refused():
    with pytest.raises(InputError, match="PAR-5"):
        PEER(FULL)(tokens().double())
    with pytest.raises(TableError, match="PAR-5"):
        PEER(FULL, dtype=torch.int32)


def test_the_printed_module_shows_its_configuration():
    assert repr(FULL) in repr(PEER(FULL))


def test_a_subclass_may_have_further_parameters_and_buffers():
    class Tagged(PEER):
        def __init__(self, config):
            super().__init__(config)
            self.tag = torch.nn.Parameter(torch.zeros(3))
            self.register_buffer("count", torch.zeros(()))

    plain = PEER(FULL)
    tagged = Tagged(FULL)
    tagged.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(4, FULL.d_model)
    assert torch.equal(tagged.eval()(x), plain.eval()(x))


def test_a_parametrized_table_is_read_through_its_parametrization():
    plain, layer = PEER(FULL), PEER(FULL)
    layer.load_state_dict(plain.state_dict())
    torch.nn.utils.parametrize.register_parametrization(layer.experts, "v", Doubled())
    x = torch.randn(4, FULL.d_model)
    assert torch.equal(layer.eval()(x), 2 * plain.eval()(x))  # doubling is exact
    layer(x).sum().backward()
    plain(x).sum().backward()
    assert torch.equal(layer.experts.parametrizations.v.original.grad, 2 * plain.experts.v.grad)


class Block(torch.nn.Module):
    """A layer under two names, beside a layer of its own."""

    def __init__(self):
        super().__init__()
        self.second = PEER(replace(FULL, query_norm="layer"))
        self.also = PEER(FULL)
        self.first = self.also


def test_the_layers_of_a_saved_model_are_read_without_the_model(tmp_path):
    model, path = torch.nn.ModuleDict({"block": Block(), "head": torch.nn.Linear(3, 2)}), tmp_path / "model"
    save_model(model, path, metadata=layers_metadata(model))
    assert list_layers(path) == {"block.second": model["block"].second.config, "block.also": FULL}
    for prefix in list_layers(path):
        state, kept = PEER.load(path, prefix=prefix).state_dict(), model.get_submodule(prefix).state_dict()
        assert state.keys() == kept.keys()
        assert all(torch.equal(state[name], tensor) for name, tensor in kept.items())
    assert load_model(torch.nn.ModuleDict({"block": Block(), "head": torch.nn.Linear(3, 2)}), path) == (set(), [])


def test_a_model_without_layers_or_one_layer_alone_has_no_such_metadata():
    for model, reason in ((torch.nn.Linear(3, 2), "there is no layer"), (PEER(FULL), "a prefix is empty")):
        with pytest.raises(FileFormError, match=reason):
            layers_metadata(model)


class Tied(torch.nn.Module):
    """A model of two layers and an embedding, which can share tensors."""

    def __init__(self):
        super().__init__()
        self.a, self.b = PEER(FULL), PEER(FULL)
        self.c = torch.nn.Embedding(*FULL.shapes()["experts.u"])


class Doubled(torch.nn.Module):
    def forward(self, table):
        return 2 * table


def share_experts(model):
    model.b.experts = model.a.experts


def share_keys(model):
    model.b.keys = model.a.keys


def share_with_an_embedding(model):
    model.c.weight = model.b.experts.u


def share_a_part(model):
    model.c.weight = torch.nn.Parameter(model.b.experts.u.detach()[:3])


def share_within(model):
    model.a.experts.w = model.a.experts.u


def add_a_parameter(model):
    model.a.tag = torch.nn.Parameter(torch.zeros(3))


def parametrize(model):
    torch.nn.utils.parametrize.register_parametrization(model.b.experts, "v", Doubled())


def change_a_shape(model):
    model.a.keys = torch.nn.Parameter(torch.zeros(3))


def change_a_dtype(model):
    model.a.query_norm.mean = model.a.query_norm.mean.half()


WRONG = {
    share_experts: "'a' cannot be described: experts.u shares its memory with 'b.experts.u' ",
    share_keys: "'a' cannot be described: keys shares its memory with 'b.keys' ",
    share_with_an_embedding: "'b' cannot be described: experts.u shares its memory with 'c.weight' ",
    share_a_part: "'b' cannot be described: experts.u shares its memory with 'c.weight' ",
    share_within: "'a' cannot be described: experts.u shares its memory with 'a.experts.w' ",
    add_a_parameter: "'a' cannot be described: 'tag' is not a parameter of this configuration; ",
    parametrize: "'b' cannot be described: the layer lacks the parameter 'experts.v' ",
    change_a_shape: r"'a' cannot be described: keys must have shape .*, got \(3,\) ",
    change_a_dtype: "'a' cannot be described: query_norm.mean has dtype torch.float16, keys have torch.float32 ",
}


@pytest.mark.parametrize("change", WRONG)
def test_a_model_whose_file_nobody_could_read_has_no_metadata(change, tmp_path):
    model = Tied()
    assert layers_metadata(model)
    change(model)
    with pytest.raises(FileFormError, match=f"^the layer {WRONG[change]}.*; undo that .* or save the layer with PEER"):
        layers_metadata(model)
    model.b.save(tmp_path / "b")
    assert Layer.load(tmp_path / "b").config == FULL


def test_tensors_side_by_side_in_one_storage_are_not_shared(tmp_path):
    """As in models whose parameters are views of one flat buffer."""
    model = Tied()
    flat = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    parts = flat.split([parameter.numel() for parameter in model.parameters()])
    for parameter, part in zip(model.parameters(), parts, strict=True):
        parameter.data = part.view(parameter.shape)
    save_file(model.state_dict(), tmp_path / "model", layers_metadata(model))
    assert torch.equal(PEER.load(tmp_path / "model", prefix="b").experts.v, model.b.experts.v)


def test_a_prefix_that_is_no_unicode_text_is_refused():
    model = torch.nn.Module()
    model.add_module("\ud800", PEER(FULL))
    with pytest.raises(FileFormError, match="holds half of a surrogate pair"):
        layers_metadata(model)


def test_a_module_on_the_device_meta_is_not_a_layer(tmp_path):
    module = PEER(FULL, device="meta")
    for convert in (module.to_layer, lambda: module.save(tmp_path / "layer")):
        with pytest.raises(TableError, match="lies on the device meta and has no values; call to_empty and"):
            convert()


def test_a_module_that_is_not_finite_is_not_saved(tmp_path):
    module = PEER(FULL)
    with torch.no_grad():
        module.experts.v[3, 2] = torch.nan
    with pytest.raises(TableError, match=r"experts\.v holds NaN or infinity; .* \(PAR-3\)"):
        module.save(tmp_path / "layer")
    assert not (tmp_path / "layer").exists()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_running_mean_of_a_constant_becomes_the_constant(dtype):
    """PAR-5: kept in bfloat16, the average of a constant 1 stalls at 0.984."""
    module = PEER.from_layer(constant_query_layer(np.float32)).to(dtype)
    x = torch.from_numpy(constant_tokens(np.float32)).to(dtype)
    with torch.no_grad():
        for _ in range(STEPS):
            module(x)
    assert (module.get_buffer("query_norm.mean") - 1).abs().max() <= ACCURACY
    assert module.get_buffer("query_norm.var").max() <= ACCURACY


def statistics(module):
    return [module.get_buffer(name) for name in ("query_norm.mean", "query_norm.var")]


CONVERSIONS = {
    "to": lambda module: module.to(torch.bfloat16),
    "half": lambda module: module.half(),
    "bfloat16": lambda module: module.bfloat16(),
    "there and back": lambda module: module.bfloat16().float(),
    "in a model": lambda module: torch.nn.Sequential(module).half()[0],
    "copy": lambda module: copy.deepcopy(module.half()),
    "to meta": lambda module: PEER(module.config, device="meta").half().to_empty(device="cpu"),
    "new": lambda module: PEER(module.config, dtype=torch.float16),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_running_statistics_stay_in_the_compute_dtype_whatever_the_module_becomes(name):
    module = CONVERSIONS[name](PEER(FULL, dtype=torch.float32))
    assert {buffer.dtype for buffer in statistics(module)} == {torch.float32}
    assert {buffer.dtype for buffer in statistics(module.double())} == {torch.float64}
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float64}


def test_a_conversion_keeps_every_bit_of_the_running_statistics():
    module = PEER(FULL)
    module(tokens())
    before = [buffer.clone() for buffer in statistics(module)]
    module.half()
    assert all(torch.equal(a, b) for a, b in zip(statistics(module), before, strict=True))
    module.double().bfloat16()
    assert all(torch.equal(a, b) for a, b in zip(statistics(module), before, strict=True))


def test_a_state_dict_of_narrow_statistics_is_widened_when_it_is_loaded():
    module, other = PEER(FULL, dtype=torch.bfloat16), PEER(FULL, dtype=torch.bfloat16)
    module.load_state_dict({name: tensor.bfloat16() for name, tensor in other.state_dict().items()})
    assert {buffer.dtype for buffer in statistics(module)} == {torch.float32}
    module.eval()(tokens().bfloat16())


def test_narrow_statistics_are_refused_in_one_sentence():
    module = PEER(FULL, dtype=torch.bfloat16)
    narrow = {name: tensor.bfloat16() for name, tensor in module.state_dict().items()}
    module.load_state_dict(narrow, assign=True)
    with pytest.raises(TableError, match=r"query_norm.mean must be torch.float32 beside keys of torch.bfloat16, got"):
        module(tokens().bfloat16())
    with pytest.raises(TableError, match=r"query_norm.mean is a running statistic and must be float32"):
        module.to_layer()
