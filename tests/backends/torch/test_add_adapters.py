"""Adapters beside linear maps of an existing model: what learns, what shares, what is refused, and the tools around."""

from __future__ import annotations

import copy
import io
import pickle
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from in_processes import in_processes
from support.adapted_models import SIZES, Attention, Block, Model, adapted_model, learned_tables, tokens
from support.rounding import APART
from torch import Tensor, nn
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from peerspec.backends.torch import (
    PEER,
    PeerConfig,
    adapter_parameters,
    adapter_state_dict,
    add_adapters,
    peer_adapters,
    remove_adapters,
)
from peerspec.backends.torch.adapter import sharing
from peerspec.backends.torch.arrays import to_array
from peerspec.reference import Base, ConfigError, InputError, TableError, adapt

CLOSE = {"rtol": 0.0, "atol": APART}
# Torch's tracer warns of what it does itself.
COMPILING = pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning", "ignore:The .grad attribute of a Tensor:UserWarning"
)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    """After every test, no call of a module runs and no routing is kept."""
    yield
    assert sharing._CALLS.running == []


def routed(model: nn.Module) -> list[Tensor]:
    """The tokens of each routing that is computed from now on."""
    found: list[Tensor] = []
    for adapter in peer_adapters(model).values():
        adapter.query.register_forward_pre_hook(lambda _, args: found.append(args[0]))
    return found


def gradients(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The gradients of one step by the parameters that have one."""
    model.zero_grad()
    model(x).float().square().mean().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def test_the_linear_maps_of_one_module_that_read_one_width_share_an_adapter() -> None:
    model = Model()
    names = add_adapters(model, lambda _, module: isinstance(module, nn.Linear), **SIZES)
    assert len(names) == 14
    found = {name: dict(adapter.config.targets) for name, adapter in peer_adapters(model).items()}
    assert found == {
        f"layers.{i}.{first}.adapter": targets
        for i in (0, 1)
        for first, targets in (
            ("attention.q", {"q": 12, "k": 12, "v": 8}),
            ("attention.out", {"out": 12}),
            ("mlp.gate", {"gate": 16, "up": 16}),
            ("mlp.down", {"down": 12}),
        )
    }
    assert model(tokens(dtype=torch.float32)).shape == (2, 5, 12)


def test_all_targets_that_read_one_input_share_one_routing() -> None:
    model = adapted_model(["q", "k", "v", "gate", "up"])
    found = routed(model)
    model(tokens()).sum().backward()
    assert len(found) == 4  # of two blocks, the input of the attention and of the feed-forward network
    with torch.inference_mode():
        model(tokens())
    assert len(found) == 8


def test_every_target_adds_what_the_reference_adds() -> None:
    model, x = adapted_model(), tokens()
    attention: Any = model.layers[0].attention
    (adapter, _) = peer_adapters(model).values()
    linears = {name: getattr(attention, name) for name in ("q", "k", "v")}
    bases = {name: Base(to_array(part.base.weight), to_array(part.base.bias)) for name, part in linears.items()}
    wanted = adapt(adapter.to_adapter(), bases, to_array(x)).y
    for name, linear in linears.items():
        torch.testing.assert_close(linear(x), torch.from_numpy(wanted[name]), **CLOSE)
        assert (linear.weight, linear.bias) == (linear.base.weight, linear.base.bias)
        assert (linear.in_features, linear.out_features) == (12, adapter.config.targets[name])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_new_adapter_gives_the_base_by_value_also_in_narrow_models(dtype: torch.dtype) -> None:
    model, x = Model().to(dtype), tokens(dtype=dtype)
    wanted = model(x)
    add_adapters(model, ["q", "k", "v"], **SIZES, dtype=torch.float32 if dtype == torch.bfloat16 else None)
    assert torch.equal(model(x), wanted)
    learned_tables(model)
    assert not torch.equal(model(x), wanted)
    assert model(x).dtype == dtype


def test_a_target_that_is_left_out_changes_no_bit_of_the_others() -> None:
    both, alone = adapted_model(), adapted_model(["q", "k"])
    tables = peer_adapters(both)["layers.0.attention.q.adapter"].state_dict()
    kept = {name: tensor for name, tensor in tables.items() if not name.startswith("targets.v")}
    peer_adapters(alone)["layers.0.attention.q.adapter"].load_state_dict(kept)
    for name in ("q", "k"):
        ours, theirs = (getattr(model.layers[0].attention, name) for model in (alone, both))
        assert torch.equal(ours(tokens()), theirs(tokens()))


def test_only_adapters_learn_and_the_bases_keep_their_bits() -> None:
    model = adapted_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for step in range(3):
        found = gradients(model, tokens(step))
        optimiser.step()
    own = {f"{name}.{part}" for name, adapter in peer_adapters(model).items() for part in adapter.state_dict()}
    assert found.keys() == own == adapter_state_dict(model).keys()
    assert all(gradient.any() for gradient in found.values())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == (name not in own)
    assert {id(parameter) for parameter in adapter_parameters(model)} == {
        id(parameter) for parameter in model.parameters() if parameter.requires_grad
    }


def test_what_else_learns_may_be_left_to_the_caller_but_the_bases_never_learn() -> None:
    model = adapted_model(freeze=False)
    found = gradients(model, tokens())
    assert "layers.0.norm.weight" in found
    assert "layers.0.attention.out.weight" in found
    assert not any(".base." in name for name in found)


def test_adapters_of_an_earlier_call_go_on_learning() -> None:
    model = adapted_model()
    add_adapters(model, "out", **SIZES)
    assert all(parameter.requires_grad for parameter in adapter_parameters(model))
    assert len(peer_adapters(model)) == 4


@pytest.mark.parametrize("freeze", [True, False])
def test_removal_gives_the_linear_maps_back(freeze: bool) -> None:
    torch.manual_seed(0)
    model = Model()
    model.layers[0].attention.k.requires_grad_(False)
    linears = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters() if ".k." in name}
    bits, parts = {name: t.clone() for name, t in model.state_dict().items()}, set(model.modules())
    names = add_adapters(model, ["q", "k", "v"], **SIZES, freeze=freeze)
    assert remove_adapters(model) == names
    assert {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)} == linears
    assert set(model.modules()) == parts
    assert all(torch.equal(tensor, bits[name]) for name, tensor in model.state_dict().items())
    assert {n: p.requires_grad for n, p in model.named_parameters() if ".k." in n} == flags
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not any(module._forward_hooks_always_called for module in model.modules())
    assert remove_adapters(model) == []


class OtherInputs(Attention):
    """An attention whose targets read other tensors, or one that changes."""

    how = "other"

    def forward(self, x: Tensor) -> Tensor:
        q = self.q(x)
        if self.how == "in place":
            x.add_(1)
        elif self.how == "other":
            x = x + 1
        elif self.how == "nested":
            x, inner = x + 1, copy.copy(self)
            inner.how = "one"
            return q @ self.k(x).mT + inner(x).sum() + self.v(x).sum()
        return q @ self.k(x).mT + self.v(x).sum()


@pytest.mark.parametrize(("how", "count"), [("one", 1), ("other", 2), ("in place", 2), ("nested", 3)])
def test_another_input_is_routed_anew(how: str, count: int) -> None:
    torch.manual_seed(0)
    attention = OtherInputs().double()
    attention.how = how
    model = nn.Sequential(attention)
    add_adapters(model, ["q", "k", "v"], **SIZES)
    learned_tables(model)
    found = routed(model)
    shared = model(tokens())
    assert len(found) == count
    assert torch.equal(shared, attention.forward(tokens()))  # without the hooks of the call, nothing is shared


def test_a_routing_is_not_shared_between_calls_with_and_without_autograd() -> None:
    class Mixed(Attention):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                k = self.k(x)
            return self.q(x) @ k.mT

    model = nn.Sequential(Mixed().double())
    add_adapters(model, ["q", "k"], **SIZES)
    learned_tables(model)
    model(tokens()).sum().backward()
    assert model[0].q.adapter.keys.grad.any()


def test_a_parameter_that_changed_between_two_calls_with_one_input_counts() -> None:
    model, x = adapted_model(), tokens()
    attention = model.layers[0].attention
    before = attention(x)
    with torch.no_grad():
        attention.q.adapter.keys.neg_()
    assert not torch.equal(attention(x), before)


class Failing(Attention):
    def forward(self, x: Tensor) -> Tensor:
        self.q(x)
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_nothing_is_kept_after_a_call_also_if_it_raises(error: BaseException) -> None:
    model = nn.Sequential(Failing().double())
    model[0].error = error
    add_adapters(model, ["q", "k", "v"], **SIZES)
    x = tokens()
    alive = weakref.ref(x)
    with pytest.raises(type(error)):
        model(x)
    with pytest.raises(type(error)):  # of an interrupted call torch runs no hook; the next one begins anew
        model(tokens())
    assert len(sharing._CALLS.running) == (type(error) is KeyboardInterrupt)
    sharing._CALLS.running.clear()
    error.__traceback__ = None
    del x
    assert alive() is None


def test_no_input_outlives_a_forward_pass_without_autograd() -> None:
    model, alive = adapted_model(), []
    model.layers[1].norm.register_forward_hook(lambda _, __, y: alive.append(weakref.ref(y)))
    with torch.no_grad():
        model(tokens())
    assert [each() for each in alive] == [None, None]


def test_threads_share_no_routing() -> None:
    model = adapted_model()
    wanted = [model(tokens(seed)) for seed in range(4)]
    found: dict[int, Tensor] = {}
    barrier = threading.Barrier(4)

    def wait(*_: Any) -> None:
        barrier.wait()

    model.layers[0].attention.k.base.register_forward_pre_hook(wait)

    def run(seed: int) -> None:
        found[seed] = model(tokens(seed))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[seed], wanted[seed]) for seed in range(4))


REFUSED: dict[str, tuple[Callable[[], nn.Module], Any, str]] = {
    "no linear map": (Model, "norm", "it is a LayerNorm, and adapters stand beside nn.Linear; match linear maps alone"),
    "a block": (Model, "attention", "it is a Attention, and adapters"),
    "an adapted one": (adapted_model, "q", "it has an adapter already; call remove_adapters first"),
    "the base": (adapted_model, "q.base", "it is part of the adapted 'layers.0.attention.q'; call remove_adapters"),
    "a part of an adapter": (adapted_model, "adapter.query", "it is part of the adapted"),
    "of torch": (
        lambda: nn.Sequential(nn.MultiheadAttention(8, 2)),
        "out_proj",
        "MultiheadAttention reads the weights of its parts and does not call them; leave it out",
    ),
    "of an encoder": (
        lambda: nn.Sequential(nn.TransformerEncoderLayer(8, 2, 8)),
        "linear1",
        "TransformerEncoderLayer reads the weights",
    ),
    "of a layer": (
        lambda: nn.Sequential(PEER(PeerConfig(8, 2, 16, 4, 4))),
        "experts",
        "it is part of the PEER layer '0'; leave it out",
    ),
}


@pytest.mark.stack(
    "torch", "adapters", "`add_adapters` of what is no linear map, or is read and not called", refused=True
)
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_get_an_adapter_is_refused_in_one_sentence(name: str) -> None:
    make, where, words = REFUSED[name]
    model = make()
    before = list(model.state_dict())
    with pytest.raises(InputError, match=f"cannot get an adapter: {re.escape(words)}"):
        add_adapters(model, where, **SIZES)
    assert list(model.state_dict()) == before


def test_a_linear_map_of_several_places_is_refused() -> None:
    model = Model()
    model.layers[1].attention.q = model.layers[0].attention.q
    with pytest.raises(InputError, match=r"it is also 'layers.1.attention.q'; give each place"):
        add_adapters(model, "q", **SIZES)


def test_settings_that_do_not_fit_are_refused_before_an_adapter_is_added() -> None:
    model = Model()
    model.layers[1].attention.k.double()
    for where, options, error, words in (
        ("nothing", {}, InputError, "no module of Model matches 'nothing'"),
        (["q", "k"], {}, InputError, "'layers.1.attention.q' have no common dtype, but torch.float32, torch.float64"),
        ("q", {"num_experts": 50}, ConfigError, "perfect square"),
        ("q", {"rank": 0}, ConfigError, "rank must"),
        ("q", {"dtype": torch.int8}, TableError, "got torch.int8; pass dtype"),
    ):
        with pytest.raises(error, match=words):
            add_adapters(model, where, **(SIZES | options))
    assert peer_adapters(model) == {}
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.stack("torch", "adapters", "`add_adapters`; state dicts of the model, and of its adapters alone")
def test_state_dicts_of_the_model_and_of_its_adapters_are_loaded() -> None:
    model, other, file = adapted_model(), adapted_model(seed=1), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(tokens()), model(tokens()))
    third = adapted_model(seed=0)
    learned_tables(third, seed=8)
    assert not torch.equal(third(tokens()), model(tokens()))
    missing, unexpected = third.load_state_dict(adapter_state_dict(model), strict=False)
    assert not unexpected
    assert not any("adapter" in name for name in missing)
    assert torch.equal(third(tokens()), model(tokens()))


@pytest.mark.stack("torch", "adapters", "`add_adapters`; `copy.deepcopy`, and pickles of the whole model")
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_learns_the_same_shares_one_routing_and_nothing_with_the_model(copied: Callable[[Model], Model]) -> None:
    model = adapted_model()
    clone = copied(model)
    ours, theirs = gradients(clone, tokens()), gradients(model, tokens())
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    found = routed(clone)
    with torch.no_grad():
        clone.layers[0].attention.q.adapter.keys.zero_()
        clone(tokens())
    assert len(found) == 2
    assert model.layers[0].attention.q.adapter.keys.any()
    assert clone.layers[0].attention.k.shared_adapter is clone.layers[0].attention.q.adapter
    assert remove_adapters(clone) == remove_adapters(model)


@pytest.mark.stack("torch", "adapters", "`add_adapters`; autocast")
def test_adapters_take_and_return_what_autocast_narrows() -> None:
    model, seen = adapted_model(dtype=torch.float32), []
    model.layers[0].attention.q.register_forward_hook(lambda _, given, y: seen.append((given[0].dtype, y.dtype)))
    found = routed(model)
    with torch.autocast("cpu", torch.bfloat16):
        grads = gradients(model, tokens(dtype=torch.float32))
    assert seen == [(torch.float32, torch.bfloat16)]
    assert {each.dtype for each in (*found, *grads.values())} == {torch.float32}


@pytest.mark.stack("torch", "adapters", "`add_adapters`; activation checkpointing of blocks")
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_blocks_changes_no_gradient(reentrant: bool) -> None:
    model, x = adapted_model(), tokens().requires_grad_()
    whole = gradients(model, x)
    found = routed(model)
    model.checkpoint = lambda block, x: checkpoint(block, x, use_reentrant=reentrant)
    again = gradients(model, x)
    assert len(found) == 4  # once in each block, and once when the block is computed again
    assert again.keys() == whole.keys()
    for name, gradient in again.items():
        torch.testing.assert_close(gradient, whole[name], **CLOSE)


@COMPILING
@pytest.mark.stack("torch", "adapters", "`add_adapters`; `torch.compile(fullgraph=True)` of the whole model")
def test_a_model_with_adapters_compiles_to_one_graph_that_routes_once() -> None:
    model, counts, x = adapted_model(), [], tokens()

    def count(graph: torch.fx.GraphModule, _: Any) -> Callable[..., Any]:
        names = [str(node.target) for node in graph.graph.nodes]
        counts.append(sum("peerspec.retrieve.default" in name for name in names))
        return make_boxed_func(graph.forward)

    backend = aot_autograd(fw_compiler=count, bw_compiler=lambda graph, _: make_boxed_func(graph.forward))
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    wanted, right = gradients(model, x), model(x)
    torch.testing.assert_close(compiled(x), right, **CLOSE)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), right, **CLOSE)
    assert counts == [2, 2]
    found = {name.removeprefix("_orig_mod."): gradient for name, gradient in gradients(compiled, x).items()}
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, **CLOSE)


@COMPILING
def test_a_compiled_model_routes_another_input_anew() -> None:
    torch.manual_seed(0)
    attention = OtherInputs().double()
    model = nn.Sequential(attention)
    add_adapters(model, ["q", "k", "v"], **SIZES)
    learned_tables(model)
    with torch.no_grad():
        found = torch.compile(model, fullgraph=True, backend="aot_eager")(tokens())
        torch.testing.assert_close(found, model(tokens()), **CLOSE)


@pytest.mark.stack("torch", "adapters", "`add_adapters`; `torch.export.export`")
def test_an_exported_model_with_adapters_computes_the_same() -> None:
    model = adapted_model()
    exported = torch.export.export(model, (tokens(),)).module()
    torch.testing.assert_close(exported(tokens(2)), model(tokens(2)), **CLOSE)


@COMPILING
@pytest.mark.stack("torch", "adapters", "`add_adapters`; blocks or linear maps compiled one by one")
@pytest.mark.parametrize("part", [Block, Attention, "q"])
def test_parts_that_are_compiled_alone_compute_the_same(part: Any) -> None:
    model = adapted_model()
    wanted = gradients(model, tokens())
    for name, module in model.named_modules():
        if isinstance(module, part) if isinstance(part, type) else name.endswith(f".{part}"):
            module.compile(backend="aot_eager")
    for _ in range(2):
        found = gradients(model, tokens())
        for name, gradient in wanted.items():
            torch.testing.assert_close(found[name], gradient, **CLOSE)


@pytest.mark.stack("torch", "adapters", "`add_adapters` on the device `meta`; `to_empty`, `reset_parameters`")
def test_a_model_on_the_device_meta_can_be_filled() -> None:
    with torch.device("meta"):
        model = Model()
        add_adapters(model, ["q", "k", "v"], **SIZES)
    assert all(parameter.is_meta for parameter in model.parameters())
    model.to_empty(device="cpu")
    for part in model.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    y = model(tokens(dtype=torch.float32))
    remove_adapters(model)
    assert torch.equal(model(tokens(dtype=torch.float32)), y)


def learned(model: nn.Module, ranks: tuple[int, ...]) -> dict[str, Tensor]:
    """The parameters of the adapters after some steps with the mean of the losses of several ranks."""
    optimiser = torch.optim.SGD(adapter_parameters(model), lr=0.05)
    for step in range(3):
        losses = [model(tokens(10 * step + rank)).square().mean() for rank in ranks]
        (sum(losses) / len(losses)).backward()
        optimiser.step()
        optimiser.zero_grad()
    whole = {name: p.full_tensor() if hasattr(p, "full_tensor") else p for name, p in model.named_parameters()}
    return {name.removeprefix("module."): tensor.detach() for name, tensor in whole.items()}


def in_parallel(rank: int, tool: str) -> Any:
    model: nn.Module = adapted_model()
    if tool == "replicas":
        model = DistributedDataParallel(model)
    else:
        mesh = init_device_mesh("cpu", (2,))
        for block in model.layers:
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
    return learned(model, (rank,))


@pytest.mark.stack("torch", "adapters", "`add_adapters`; FSDP2 of each block, `DistributedDataParallel`")
@pytest.mark.parametrize("tool", ["replicas", "shards"])
def test_several_processes_learn_what_one_process_learns(tool: str) -> None:
    first, second = in_processes(2, in_parallel, tool)
    assert isinstance(first, dict), first
    for name, tensor in learned(adapted_model(), (0, 1)).items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], tensor, **CLOSE)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(3, 9), "x must have shape"),
        (torch.zeros(()), "x must have shape"),
        (torch.zeros(3, 8, dtype=torch.int64), "convert it"),
        (torch.zeros(3, 8, dtype=torch.float64), "convert it"),
    ],
)
def test_tokens_that_do_not_fit_are_refused_before_the_base_sees_them(x: Tensor, words: str) -> None:
    model = nn.Sequential(nn.Linear(8, 8))
    add_adapters(model, "0", heads=2, num_experts=16, top_k=4, d_key=4)
    with pytest.raises(InputError, match=words):
        model(x)
