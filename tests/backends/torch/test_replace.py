"""Layers in the place of feed-forward blocks of an existing model, and the tools that act on such a model."""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from in_processes import in_processes
from safetensors.torch import load_model, save_model
from support.rounding import APART
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from peerspec.backends.torch import PEER, layers_metadata, peer_layers, replace_ffn
from peerspec.backends.torch.module_names import Where
from peerspec.reference import InputError, Layer, PeerConfig, TableError, list_layers

CONFIG = PeerConfig(d_model=12, heads=2, num_experts=49, top_k=4, d_key=6)
ALL = [f"layers.{number}.mlp" for number in range(4)]
CLOSE = {"rtol": 0.0, "atol": APART}


class Block(nn.Module):
    """x + mlp(mix(norm(x))); ``mix`` stands for attention."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(12), nn.Linear(12, 12)
        self.mlp: nn.Module = nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.mix(self.norm(x)))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(4))
        self.checkpoint: Callable[..., Tensor] = called

    def forward(self, x: Tensor) -> Tensor:
        for block in self.layers:
            x = self.checkpoint(block, x)
        return x


def called(block: nn.Module, x: Tensor) -> Tensor:
    """The block without checkpointing; a function that pickle finds."""
    return block(x)


def model_of(seed: int = 0) -> Model:
    """A model whose second and fourth blocks have PEER layers."""
    torch.manual_seed(seed)
    model = Model()
    replace_ffn(model, "[13].mlp", CONFIG)
    return model


def tokens(seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gradients(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The gradients of one step, which are not zero."""
    model.zero_grad()
    model(x).float().square().mean().backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert all(gradient is not None and gradient.any() for gradient in found.values())
    return found


def equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


WHERE: dict[str, tuple[Where, list[int]]] = {
    "the last part": ("mlp", [0, 1, 2, 3]),
    "a glob of the last part": ("m[lx]p", [0, 1, 2, 3]),
    "a star for the part before": ("*.mlp", [0, 1, 2, 3]),
    "two parts": ("[13].mlp", [1, 3]),
    "the whole name": ("layers.2.mlp", [2]),
    "an expression": (re.compile(r"layers\.\d*[02]\.mlp"), [0, 2]),
    "several": (["0.mlp", re.compile(r".*3\.mlp")], [0, 3]),
    "overlapping": (("0.mlp", "[01].mlp"), [0, 1]),
    "a function": (lambda name, module: isinstance(module, nn.Sequential) and "1" not in name, [0, 2, 3]),
}


@pytest.mark.parametrize("name", WHERE)
def test_patterns_and_functions_choose_blocks_by_their_qualified_names(name: str) -> None:
    where, numbers = WHERE[name]
    model = Model()
    replaced = replace_ffn(model, where, CONFIG)
    assert replaced == [ALL[number] for number in numbers]
    assert list(peer_layers(model)) == replaced
    assert all(layer.config == CONFIG for layer in peer_layers(model).values())
    assert model(tokens()).shape == (2, 5, 12)


NOTHING: dict[str, tuple[Any, str]] = {
    "a part of a part": ("ml", "^no module of Model matches 'ml'; .*; here names end in layers, mix, mlp, norm$"),
    "a star over a dot": ("layers.*mlp", "^no module of Model matches 'layers.*mlp'"),
    "an expression for a part": (re.compile("mlp"), r"^no module of Model matches re.compile\('mlp'\)"),
    "an expression as a str": (r".*\.mlp", "a compiled regular expression all of it"),
    "one of several": (["mlp", "mpl"], "^no module of Model matches 'mpl'"),
    "a function": (lambda *_: False, "^where is true of no module of Model"),
    "the model itself": (lambda name, _: not name, "^where is true of no module of Model"),
    "no pattern": ([], r"^where must be a pattern, .* got \[\]"),
    "another type": (3, "^where must be a pattern, .* got 3"),
    "bytes": ([re.compile(b"mlp")], "^where must be a pattern"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_names_no_block_is_refused(name: str) -> None:
    where, words = NOTHING[name]
    model = Model()
    with pytest.raises(InputError, match=words):
        replace_ffn(model, where, CONFIG)
    assert peer_layers(model) == {}


def test_a_function_gives_each_block_its_configuration() -> None:
    model, seen = Model(), []

    def config_of(name: str, block: nn.Module) -> PeerConfig:
        seen.append((name, block))
        return PeerConfig(12, 2, 16 if "0" in name else 49, 4, 6)

    blocks = [(name, model.get_submodule(name)) for name in ALL]
    replace_ffn(model, "mlp", config_of)
    assert seen == blocks
    assert [layer.config.num_experts for layer in peer_layers(model).values()] == [16, 49, 49, 49]


def test_new_layers_are_drawn_from_the_generator_one_after_the_other_and_nothing_else_is() -> None:
    model = Model()
    torch.manual_seed(3)
    replace_ffn(model, "mlp", CONFIG)
    torch.manual_seed(3)
    for layer in peer_layers(model).values():
        assert equal(layer.state_dict(), PEER(CONFIG).state_dict())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("training", [True, False])
def test_a_new_layer_has_device_dtype_and_mode_of_the_block_and_learns(dtype: torch.dtype, training: bool) -> None:
    model = Model().to(dtype).requires_grad_(False)
    model.layers[1].mlp.train(training)
    model.layers[2].mlp.to("meta")
    replace_ffn(model, "[12].mlp", CONFIG, sparse_gradients=True)
    first, second = peer_layers(model).values()
    assert {part.training for part in first.modules()} == {training}
    assert {part.training for part in second.modules()} == {True}
    assert {parameter.dtype for parameter in (*first.parameters(), *second.parameters())} == {dtype}
    assert all(parameter.is_meta for parameter in second.parameters())
    assert not any(parameter.is_meta for parameter in first.parameters())
    assert all(parameter.requires_grad for parameter in first.parameters())
    assert first.sparse_gradients


def test_device_and_dtype_may_be_others() -> None:
    model = Model().bfloat16()
    replace_ffn(model, "1.mlp", CONFIG, dtype=torch.float32)
    replace_ffn(model, "2.mlp", CONFIG, device="meta")
    assert model.layers[1].mlp.keys.dtype == torch.float32
    assert model.layers[1](tokens().bfloat16()).dtype == torch.bfloat16
    assert model.layers[2].mlp.keys.is_meta


def test_a_block_of_several_dtypes_or_without_parameters_is_refused_unless_they_are_given() -> None:
    model = Model()
    model.layers[0].mlp[0].double()
    model.layers[1].mlp = nn.Identity()
    wrapped = {"wrap": lambda layer: layer}
    for where, words in (
        ("0.mlp", "'layers.0.mlp' have no common dtype, but torch.float32, torch.float64; pass dtype"),
        ("1.mlp", "'layers.1.mlp' have no common device, but none; pass device"),
    ):
        with pytest.raises(InputError, match=words):
            replace_ffn(model, where, CONFIG, **wrapped)
    replace_ffn(model, "[01].mlp", CONFIG, device="cpu", dtype=torch.float32, **wrapped)
    assert len(peer_layers(model)) == 2
    with pytest.raises(TableError, match="PAR-5"):
        replace_ffn(model, "2.mlp", CONFIG, dtype=torch.int8)
    with pytest.raises(InputError, match=r"^config must be a PeerConfig, or a function that returns one, got None"):
        replace_ffn(model, "2.mlp", lambda *_: None)


class TwoResults(nn.Linear):
    def forward(self, hidden: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return super().forward(hidden), None


class TwoArguments(nn.Linear):
    def forward(self, hidden: Tensor, residual: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(hidden)


class Transposed(nn.Linear):
    def forward(self, hidden: Tensor) -> Tensor:
        return super().forward(hidden).mT


MAPS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "another output": (
        lambda: nn.Linear(12, 9),
        "it maps tokens of width 12 to width 9, the layer to d_out = 12; give",
    ),
    "another input": (
        lambda: nn.Linear(9, 12),
        "its forward does not take tokens of width d_model = 12 on the device meta, '.*'; give",
    ),
    "two results": (lambda: TwoResults(12, 12), "its forward returns a tuple and not one tensor; give .* or pass wrap"),
    "two arguments": (
        lambda: TwoArguments(12, 12),
        "takes other arguments than one tensor of tokens, .hidden: .*residual",
    ),
    "other axes": (lambda: Transposed(12, 12), r"maps tokens of shape \(1, 2, 12\) to the shape \(1, 12, 2\)"),
    "no forward": (lambda: nn.ModuleList([nn.Linear(12, 12)]), r"takes other arguments than one tensor of tokens, .\*"),
}


@pytest.mark.stack(
    "torch", "existing models", "`replace_ffn` of a block with other widths, arguments or results", refused=True
)
@pytest.mark.parametrize("name", MAPS)
def test_a_block_that_does_not_map_tokens_as_the_layer_does_is_refused_before_any_is_replaced(name: str) -> None:
    make, words = MAPS[name]
    model = Model()
    model.layers[3].mlp = make()
    with pytest.raises(InputError, match=f"^the block 'layers.3.mlp' cannot be replaced: .*{words}"):
        replace_ffn(model, "mlp", CONFIG)
    assert peer_layers(model) == {}


class WithNone(nn.Module):
    def __init__(self, layer: PEER) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden: Tensor) -> tuple[Tensor, None]:
        return self.layer(hidden), None


def test_a_wrapped_layer_takes_and_returns_what_the_block_did() -> None:
    model = nn.ModuleDict({"mlp": TwoResults(12, 12)}).eval()
    assert replace_ffn(model, "mlp", CONFIG, wrap=WithNone) == ["mlp"]
    y, nothing = model["mlp"](tokens())
    assert torch.equal(y, peer_layers(model)["mlp.layer"](tokens()))
    assert nothing is None
    assert not model["mlp"].training
    with pytest.raises(InputError, match="wrap must return a module, got 3"):
        replace_ffn(Model(), "mlp", CONFIG, wrap=lambda _: 3)  # type: ignore[arg-type, return-value]


def test_comparing_a_block_with_the_layer_changes_nothing_in_it() -> None:
    block = nn.Sequential(
        nn.Linear(12, 12), nn.Flatten(0, 1), nn.BatchNorm1d(12), nn.Dropout(), nn.Unflatten(0, (1, 2))
    )
    before = copy.deepcopy(block.state_dict())
    torch.manual_seed(0)
    drawn = torch.get_rng_state()
    with pytest.raises(InputError, match="d_out = 9"):
        replace_ffn(nn.ModuleDict({"mlp": block}), "mlp", PeerConfig(12, 1, 4, 1, 2, d_out=9))
    assert equal(block.state_dict(), before)
    assert torch.equal(torch.get_rng_state(), drawn)


def hook(*_: Any) -> None:
    """A hook that does nothing."""


LOST: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a hook": (lambda mlp: mlp.register_forward_hook(hook), "'layers.3.mlp' has forward_hooks"),
    "a hook within": (lambda mlp: mlp[2].register_forward_pre_hook(hook), "'layers.3.mlp.2' has forward_pre_hooks"),
    "a backward hook": (lambda mlp: mlp.register_full_backward_hook(hook), "'layers.3.mlp' has backward_hooks"),
    "a hook of a state dict": (lambda mlp: mlp.register_state_dict_post_hook(hook), "mlp' has state_dict_hooks"),
    "a hook of a parameter": (lambda mlp: mlp[0].weight.register_hook(hook), "'layers.3.mlp.0' has a hook of weight"),
    "a hook of a gradient": (
        lambda mlp: mlp[0].bias.register_post_accumulate_grad_hook(hook),
        "'layers.3.mlp.0' has a hook of bias",
    ),
    "a parametrization": (lambda mlp: weight_norm(mlp[0]), "'layers.3.mlp.0' has a parametrization"),
    "pruning": (lambda mlp: prune.random_unstructured(mlp[0], "weight", 0.5), "mlp.0' has forward_pre_hooks"),
    "a new forward": (lambda mlp: setattr(mlp, "forward", hook), "'layers.3.mlp' has a forward of its own"),
    "a compiled block": (lambda mlp: mlp.compile(backend="eager"), "'layers.3.mlp' has a compiled forward"),
}


@pytest.mark.stack(
    "torch",
    "existing models",
    "`replace_ffn` of a block with hooks, parametrizations, pruning or split parameters, which would be lost",
    refused=True,
)
@pytest.mark.parametrize("name", LOST)
def test_what_a_tool_did_to_a_block_is_not_lost_silently(name: str) -> None:
    change, words = LOST[name]
    model = Model()
    change(model.layers[3].mlp)
    with pytest.raises(
        InputError, match=f"^the block 'layers.3.mlp' cannot be replaced: .*{words}, which would be lost"
    ):
        replace_ffn(model, "mlp", CONFIG)
    assert peer_layers(model) == {}


def test_a_block_within_another_one_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"'layers.0.mlp' cannot .*: it lies within 'layers.0', which is to be replaced"
    ):
        replace_ffn(Model(), ["layers.*", "mlp"], CONFIG)


def test_a_layer_and_its_parts_are_refused() -> None:
    model = model_of()
    for where, words in (
        ("mlp", "'layers.1.mlp' is a PEER layer already; leave it out"),
        ("layers.1", "'layers.1.mlp' is a PEER layer already; leave it out"),
        ("1.mlp.query", "it is part of the PEER layer 'layers.1.mlp'; leave it out"),
    ):
        with pytest.raises(InputError, match=f"cannot be replaced: {words}"):
            replace_ffn(model, where, CONFIG)


def test_a_block_of_several_places_is_replaced_in_all_of_them_by_one_layer_or_not_at_all() -> None:
    model = Model()
    model.layers[2].mlp = model.layers[0].mlp
    with pytest.raises(InputError, match=r"'layers.0.mlp' cannot .*: it is also 'layers.2.mlp', which was not matched"):
        replace_ffn(model, "0.mlp", CONFIG)
    assert replace_ffn(model, "mlp", CONFIG) == ALL
    assert model.layers[2].mlp is model.layers[0].mlp
    assert list(peer_layers(model)) == ["layers.0.mlp", "layers.1.mlp", "layers.3.mlp"]


def test_the_layers_of_a_model_have_its_names() -> None:
    layer = PEER(CONFIG)
    assert peer_layers(layer) == {"": layer}
    assert peer_layers(nn.Linear(2, 2)) == {}
    assert list(peer_layers(model_of())) == ["layers.1.mlp", "layers.3.mlp"]


def encoder(**options: Any) -> nn.TransformerEncoder:
    """Torch's encoder with PEER layers as feed-forward networks."""
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(12, 2, 1, batch_first=True, activation=nn.Identity(), **options)
    block.linear1, block.linear2 = PEER(CONFIG), nn.Identity()
    return nn.TransformerEncoder(block, 2, enable_nested_tensor=False)


@pytest.mark.stack("torch", "`nn.TransformerEncoderLayer`", "built with the layer as `linear1`")
@pytest.mark.parametrize("norm_first", [True, False])
def test_an_encoder_of_torch_with_the_layer_evaluates_as_it_trains(norm_first: bool) -> None:
    model, x = encoder(dropout=0.0, norm_first=norm_first), tokens()
    padding = torch.arange(5) > torch.tensor([[3], [4]])
    trained = model(x, src_key_padding_mask=padding)
    gradients(model, x)
    with torch.no_grad():
        evaluated = model.eval()(x, src_key_padding_mask=padding)
    torch.testing.assert_close(evaluated[~padding], trained[~padding])


@pytest.mark.stack("torch", "`nn.TransformerEncoderLayer`", "`replace_ffn` within it", refused=True)
def test_a_part_of_an_encoder_of_torch_is_refused() -> None:
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, 12, batch_first=True), 2)
    for where, words in (
        ("linear1", "TransformerEncoderLayer reads the weights"),
        ("layers.0", "takes other arguments"),
    ):
        with pytest.raises(InputError, match=words):
            replace_ffn(model, where, CONFIG)


@pytest.mark.stack("torch", "existing models", "`replace_ffn`; state dicts loaded strictly, with `weights_only=True`")
def test_a_state_dict_of_a_changed_model_is_loaded_strictly() -> None:
    model, other, file = model_of(), model_of(seed=1), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    assert not torch.equal(other(tokens()), model(tokens()))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(tokens()), model(tokens()))
    with pytest.raises(RuntimeError, match=r"Missing key.*layers\.1\.mlp\.0\.weight"):
        Model().load_state_dict(model.state_dict())


@pytest.mark.stack("torch", "existing models", "`replace_ffn`; model files, which say what to replace (PAR-8)")
def test_a_model_file_says_which_blocks_to_replace(tmp_path: Path) -> None:
    model, path = model_of(), tmp_path / "model.safetensors"
    save_model(model, str(path), metadata=layers_metadata(model))
    other, layers = Model(), list_layers(path)
    replace_ffn(other, lambda name, _: name in layers, lambda name, _: layers[name])
    assert load_model(other, path) == (set(), [])
    assert torch.equal(other(tokens()), model(tokens()))
    assert Layer.load(path, prefix="layers.1.mlp").config == CONFIG


@pytest.mark.stack("torch", "existing models", "`replace_ffn`; `copy.deepcopy`, and pickles of the whole model")
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_a_changed_model_learns_the_same_and_shares_nothing(copied: Callable[[Model], Model]) -> None:
    model = model_of()
    clone = copied(model)
    assert equal(gradients(clone, tokens()), gradients(model, tokens()))
    with torch.no_grad():
        clone.layers[1].mlp.keys.zero_()
    assert model.layers[1].mlp.keys.any()


@pytest.mark.stack("torch", "existing models", "`replace_ffn`; autocast")
def test_layers_of_a_model_take_and_return_what_autocast_narrows() -> None:
    model, seen = model_of(), []
    model.layers[1].mlp.register_forward_hook(lambda _, given, y: seen.append((given[0].dtype, y.dtype)))
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(model, tokens())
    assert seen == [(torch.bfloat16, torch.bfloat16)]
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}


@pytest.mark.stack("torch", "existing models", "`replace_ffn`; activation checkpointing of blocks")
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_blocks_changes_no_gradient(reentrant: bool) -> None:
    model, x = model_of().double(), tokens(dtype=torch.float64).requires_grad_()
    whole = gradients(model, x)
    model.checkpoint = lambda block, x: checkpoint(block, x, use_reentrant=reentrant)
    for name, gradient in gradients(model, x).items():  # the residual and the block add up in another order
        torch.testing.assert_close(gradient, whole[name], **CLOSE)


# Torch's tracer warns of what it does itself.
@pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning", "ignore:The .grad attribute of a Tensor:UserWarning"
)
@pytest.mark.stack("torch", "existing models", "`replace_ffn`; `torch.compile(fullgraph=True)` of the whole model")
def test_a_changed_model_compiles_to_one_graph_also_if_it_was_compiled_before() -> None:
    torch.manual_seed(0)
    model = Model().double()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x = tokens(dtype=torch.float64)
    dense = compiled(x)
    replace_ffn(model, "[13].mlp", CONFIG)
    right, wanted = model(x), gradients(model, x)
    assert not torch.allclose(right, dense)
    torch.testing.assert_close(compiled(x), right, **CLOSE)
    found = {name.removeprefix("_orig_mod."): gradient for name, gradient in gradients(compiled, x).items()}
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, **CLOSE)


@pytest.mark.stack("torch", "existing models", "`replace_ffn` on the device `meta`; `to_empty`, `reset_parameters`")
def test_a_model_made_and_changed_on_the_device_meta_can_be_filled() -> None:
    with torch.device("meta"):
        model = model_of()
    assert all(parameter.is_meta for parameter in model.parameters())
    model.to_empty(device="cpu")
    torch.manual_seed(0)
    for layer in peer_layers(model).values():
        layer.reset_parameters()
    torch.manual_seed(0)
    assert equal(model.layers[1].mlp.state_dict(), PEER(CONFIG).state_dict())
    for part in model.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    gradients(model, tokens())


def learned(model: nn.Module, losses: Iterator[list[Tensor]]) -> dict[str, Tensor]:
    """The whole parameters after some steps, each with the mean of its losses."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    for each in losses:
        (sum(each) / len(each)).backward()
        optimiser.step()
        optimiser.zero_grad()
    whole = {name: p.full_tensor() if hasattr(p, "full_tensor") else p for name, p in model.named_parameters()}
    return {name: tensor.detach() for name, tensor in whole.items()}


def loss(model: nn.Module, rank: int, step: int) -> Tensor:
    return model(tokens(10 * step + rank, torch.float64)).square().mean()


def shard(rank: int) -> Any:
    model = model_of().double()
    mesh = init_device_mesh("cpu", (2,))
    for block in model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return learned(model, ([loss(model, rank, step)] for step in range(3)))


@pytest.mark.stack("torch", "existing models", "`replace_ffn`; FSDP2 (`fully_shard`) of each block and of the model")
def test_a_changed_model_that_is_sharded_by_blocks_learns_what_one_process_learns() -> None:
    first, second = in_processes(2, shard)
    assert isinstance(first, dict), first
    model = model_of().double()
    for name, tensor in learned(model, ([loss(model, rank, step) for rank in (0, 1)] for step in range(3))).items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], tensor, **CLOSE)


def replace_late(rank: int) -> Any:
    sharded, model, answers = Model(), Model(), []
    fully_shard(sharded, mesh=init_device_mesh("cpu", (1,)))
    for late in (sharded, DistributedDataParallel(model)):
        try:
            replace_ffn(late, "mlp", CONFIG)
        except InputError as error:
            answers.append(str(error))
    return answers


def test_blocks_of_a_model_that_is_sharded_or_replicated_already_are_refused() -> None:
    [[sharded, replicated]] = in_processes(1, replace_late)
    assert (
        "'layers.0.mlp.0' has weight split over several processes, which would be lost; replace blocks first" in sharded
    )
    assert "DistributedDataParallel holds its parameters; replace blocks before the model is wrapped" in replicated
