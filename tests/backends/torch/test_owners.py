"""Tools act on the modules that own parameters, and find and change parameters by attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.parametrizations import weight_norm

from peerspec.backends.torch import PEER
from peerspec.backends.torch.stages import Experts
from peerspec.reference import InputError, PeerConfig, TableError

CONFIG = PeerConfig(d_model=16, heads=2, num_experts=64, top_k=4, d_key=8, query_norm="batch", query_bias=True)
PLAIN = PeerConfig(d_model=16, heads=2, num_experts=64, top_k=4, d_key=8)


def layer(config: PeerConfig = PLAIN, **options: Any) -> PEER:
    torch.manual_seed(0)
    return PEER(config, **options)


def tokens(*lead: int) -> Tensor:
    return torch.randn(*lead, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.stack("torch", "hooks", "forward and pre-forward hooks of every module, as accelerate and FSDP1 use them")
@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("config", [PLAIN, CONFIG])
def test_hooks_of_every_module_fire(config: PeerConfig, learns: bool) -> None:
    module, called = layer(config), []
    for name, part in module.named_modules():
        part.register_forward_hook(lambda *_, name=name: called.append(name))
    with torch.set_grad_enabled(learns):
        module(tokens(3))
    assert sorted(called) == sorted(name for name, _ in module.named_modules())


def test_what_a_hook_or_a_new_forward_changes_takes_effect() -> None:
    module, x = layer(), tokens(3)
    with torch.no_grad():
        expected = module(x)
        handle = module.experts.register_forward_hook(lambda _, __, y: 2 * y)
        torch.testing.assert_close(module(x), 2 * expected)
        handle.remove()
        old = module.query.forward
        module.query.forward = lambda *arguments: 0 * old(*arguments)
        assert not torch.allclose(module(x), expected)
        del module.query.forward
        assert torch.equal(module(x), expected)


@pytest.mark.stack(
    "torch", "offloading", "weights that are there only while their module runs, as accelerate's offload does"
)
@pytest.mark.parametrize("learns", [False, True])
def test_weights_that_are_only_there_while_their_module_runs_are_enough(learns: bool) -> None:
    """As tools for offloading do: parameters lie on the device meta, and come for the forward of their module."""
    whole, module, x = layer(CONFIG).eval(), layer(CONFIG).eval(), tokens(3)
    kept = {part: dict(part.named_parameters(recurse=False)) for part in (*module.children(), module)}

    def bring(part: nn.Module, _: Any) -> None:
        for name, parameter in kept[part].items():
            part.register_parameter(name, parameter)

    def take(part: nn.Module, *_: Any) -> None:
        for name, parameter in kept[part].items():
            part.register_parameter(name, nn.Parameter(parameter.to("meta")))

    for part in kept:
        take(part)
        part.register_forward_pre_hook(bring)
        part.register_forward_hook(take)
    with torch.set_grad_enabled(learns):
        assert torch.equal(module(x), whole(x))


def test_every_module_that_owns_parameters_makes_them_anew_and_says_their_shapes() -> None:
    module = layer(CONFIG)
    owners = [part for part in module.modules() if list(part.parameters(recurse=False))]
    assert len(owners) == 4
    for part in owners:
        before = [parameter.clone() for parameter in part.parameters()]
        with torch.no_grad():
            for parameter in part.parameters():
                parameter.fill_(7)
        part.reset_parameters()
        assert not any((parameter == 7).any() for parameter in part.parameters())
        assert [parameter.shape for parameter in part.parameters()] == [old.shape for old in before]
    assert "(experts): Experts(u=[64, 16], v=[64, 16])" in repr(module)


@pytest.mark.stack("torch", "device `meta`", "forward, `to_empty`, `reset_parameters`")
def test_a_layer_made_on_the_device_meta_runs_there_and_can_be_filled() -> None:
    with torch.device("meta"):
        module = layer(CONFIG)
        assert module(tokens(3).to("meta")).shape == (3, 16)
    module.to_empty(device="cpu")
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    assert module(tokens(3)).isfinite().all()


class LowRank(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros(len(weight), 2))
        self.b = nn.Parameter(torch.randn(2, weight.shape[1]))

    def reset_parameters(self) -> None:
        nn.init.normal_(self.a)
        nn.init.normal_(self.b)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.a @ self.b


CHANGES: dict[str, Callable[[PEER], Any]] = {
    "low rank": lambda own: parametrize.register_parametrization(own.experts, "u", LowRank(own.experts.u)),
    "weight norm": lambda own: weight_norm(own.query, "weight"),
    "pruning": lambda own: prune.random_unstructured(own.experts, "v", amount=0.0),
    "another parameter": lambda own: own.register_parameter("scale", nn.Parameter(torch.ones(()))),
    "another buffer": lambda own: own.experts.register_buffer("calls", torch.zeros(()), persistent=False),
    "an adapter beside the experts": lambda own: own.add_module("adapter", nn.Linear(16, 16)),
}


@pytest.mark.stack(
    "torch", "`parametrize`, `weight_norm`, `prune`", "any parameter, with gradients; LoRA by parametrize as PEFT does"
)
@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_parameter_takes_effect_with_its_gradients(name: str) -> None:
    module, x = layer(), tokens(3)
    expected = module(x).detach()
    CHANGES[name](module)
    torch.testing.assert_close(module(x), expected)
    with torch.no_grad():
        torch.testing.assert_close(module(x), expected)
    module(x).square().sum().backward()
    used = [p for key, p in module.named_parameters() if "scale" not in key and "adapter" not in key]
    assert all(parameter.grad is not None for parameter in used)
    if name == "low rank":
        with torch.no_grad():
            module.experts.parametrizations.u[0].a.fill_(1)
        assert not torch.allclose(module(x), expected)


@pytest.mark.stack(
    "torch",
    "`parametrize`, `weight_norm`, `prune`",
    "computed tables of a layer with `sparse_gradients`: dense gradients",
)
@pytest.mark.parametrize("name", ["low rank", "pruning"])
def test_the_gradients_of_a_computed_table_are_dense(name: str) -> None:
    found = []
    for sparse in (False, True):
        module, x = layer(sparse_gradients=sparse), tokens(3)
        CHANGES[name](module)
        if name == "low rank":
            torch.manual_seed(1)
            module.experts.parametrizations.u[0].reset_parameters()
        module(x).square().sum().backward()
        found.append({key: p.grad for key, p in module.named_parameters()})
    dense, sparse_too = found
    assert not any(gradient.is_sparse for gradient in sparse_too.values())
    assert all(torch.equal(gradient, dense[key]) for key, gradient in sparse_too.items())


@pytest.mark.stack("torch", "tied parameters", "one tensor for two tables")
def test_tied_tables_learn_from_both_uses() -> None:
    apart, tied, x = layer(), layer(), tokens(3)
    apart.experts.v = nn.Parameter(apart.experts.u.detach().clone())
    tied.experts.v = tied.experts.u
    for module in (apart, tied):
        module(x).square().sum().backward()
    torch.testing.assert_close(tied.experts.u.grad, apart.experts.u.grad + apart.experts.v.grad)


@pytest.mark.stack("torch", "nested tensors", "jagged tokens")
def test_jagged_tokens_are_evaluated_as_the_tokens_that_they_hold() -> None:
    module, parts = layer(), [tokens(3), tokens(5)]
    nested = torch.nested.nested_tensor(parts, layout=torch.jagged, requires_grad=True)
    y = module(nested)
    assert y.is_nested
    for found, part in zip(y.unbind(), parts, strict=True):
        torch.testing.assert_close(found, module(part))
    y.values().sum().backward()
    assert nested.grad is not None


@pytest.mark.stack("torch", "nested tensors", "jagged tokens with holes, or with another jagged axis", refused=True)
def test_jagged_tokens_with_holes_or_with_another_jagged_axis_are_refused() -> None:
    nested = torch.nested.nested_tensor([tokens(3), tokens(5)], layout=torch.jagged)
    holes = torch.nested.narrow(torch.randn(2, 6, 16), 1, torch.tensor([0, 1]), torch.tensor([2, 3]), torch.jagged)
    for given in (holes, nested.transpose(1, 2)):
        with pytest.raises(InputError, match=r"^jagged tokens must be contiguous"):
            layer()(given)


def test_a_stage_of_another_class_takes_effect_with_and_without_gradients() -> None:
    class Twice(Experts):
        def forward(self, *arguments: Any) -> Tensor:
            return 2 * super().forward(*arguments)

    module, x = layer(), tokens(3)
    expected = module(x).detach()
    module.experts.__class__ = Twice
    for learns in (False, True):
        with torch.set_grad_enabled(learns):
            torch.testing.assert_close(module(x), 2 * expected)


def test_only_running_statistics_stay_wide() -> None:
    module = layer(CONFIG)
    module.query_norm.register_buffer("calls", torch.zeros((), dtype=torch.int64))
    module.bfloat16()
    assert module.query_norm.calls.dtype == torch.int64
    assert module.query_norm.mean.dtype == torch.float32
    assert module.query_norm.scale.dtype == torch.bfloat16


def test_experts_have_what_tools_read_of_an_embedding_bag() -> None:
    experts = layer().experts
    nn.init.normal_(experts.weight, std=3.0)
    assert experts.u.std() > 2
    assert (experts.num_embeddings, experts.embedding_dim, experts.max_norm, experts.padding_idx) == (
        64,
        16,
        None,
        None,
    )
    assert sorted(experts.state_dict()) == ["u", "v"]


@pytest.mark.parametrize("offset", [0, 4])
def test_a_parameter_whose_memory_was_freed_is_refused(offset: int) -> None:
    module = layer().eval()
    storage = torch.zeros(offset + module.experts.u.numel())
    module.experts.u = nn.Parameter(storage[offset:].view(64, 16))
    storage.untyped_storage().resize_(0)
    with pytest.raises(InputError, match="has no memory: a tool that shards or moves parameters freed it"):
        module.to_layer()


def test_nested_tokens_of_the_old_layout_or_with_a_mask_are_refused_in_one_sentence() -> None:
    with pytest.warns(UserWarning, match="nested"):
        nested = torch.nested.nested_tensor([tokens(3), tokens(5)])
    with pytest.raises(InputError, match=r"^x must be a dense tensor for this call, got a nested one"):
        layer()(nested)


def test_tables_of_another_dtype_than_the_sub_keys_are_refused_by_the_module_that_owns_them() -> None:
    module = layer()
    module.experts.to(torch.bfloat16)
    for learns in (False, True):
        with torch.set_grad_enabled(learns), pytest.raises(TableError, match=r"experts.u must be torch.float32 beside"):
            module(tokens(3))
