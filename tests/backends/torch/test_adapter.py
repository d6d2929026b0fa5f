"""Adapters as functions and as a module: the numbers of the reference, one routing, dtypes, sparse gradients."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
import torch
from support.adapters import CONFIG, OPTIONS, adapter_of, assert_as_the_reference, bases_of, near, tokens_of
from support.rounding import APART
from torch import Tensor

from peerspec.backends.torch import PEERAdapter, RowAdagrad, RowSGD, backend, clip_grad_norm_, functional
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.kernels import library_operations
from peerspec.reference import AdapterConfig, Base, InputError, TableError
from peerspec.reference import adapt as reference_adapt

PRECISIONS = [
    (np.float64, np.float64),
    (np.float32, np.float32),
    (ml_dtypes.bfloat16, ml_dtypes.bfloat16),
    (np.float16, np.float16),
    (np.float32, ml_dtypes.bfloat16),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_those_of_the_reference(options: dict, training: bool) -> None:
    assert_as_the_reference(backend, options, training=training)


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize(("learned", "dtype"), PRECISIONS)
@pytest.mark.parametrize("options", OPTIONS)
def test_the_routing_has_the_bits_of_the_layer_and_results_the_dtypes_of_their_precision(
    options: dict, learned: type, dtype: type, library: bool
) -> None:
    config = replace(CONFIG, **options)
    adapter, bases, x = adapter_of(config, learned), bases_of(config, dtype), tokens_of(dtype=dtype)
    if library:
        with library_operations():
            found, layer = backend.adapt(adapter, bases, x), backend.forward(adapter.routing_layer(), x)
    else:
        found, layer = backend.adapt(adapter, bases, x), backend.forward(adapter.routing_layer(), x)
    for name in ("scores", "indices", "gates"):
        assert found[name].tobytes() == getattr(layer, name).tobytes()
        assert found[name].dtype == getattr(layer, name).dtype
    assert {found[f"y.{name}"].dtype for name in bases} == {np.dtype(dtype)}
    dy = {name: found[f"y.{name}"] for name in bases}
    gradients = backend.adapter_gradients(adapter, bases, x, dy)
    assert gradients.pop("x").dtype == dtype
    assert all(gradient.dtype == adapter.params[name].dtype for name, gradient in gradients.items())


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_a_target_that_is_left_out_changes_no_bit_of_the_others_and_has_gradients_of_zero(dtype: type) -> None:
    adapter, bases, x = adapter_of(dtype=dtype), bases_of(dtype=dtype), tokens_of(dtype=dtype)
    both, alone = backend.adapt(adapter, bases, x), backend.adapt(adapter, {"keys": bases["keys"]}, x)
    assert set(both) - set(alone) == {"y.q"}
    assert all(alone[name].tobytes() == both[name].tobytes() for name in alone)
    gradients = backend.adapter_gradients(adapter, {"keys": bases["keys"]}, x, {"keys": alone["y.keys"]})
    assert not gradients["targets.q.u"].any()
    assert not gradients["targets.q.v"].any()
    assert gradients["targets.keys.u"].any()


@pytest.mark.parametrize(("learned", "dtype"), PRECISIONS)
def test_a_new_adapter_gives_the_base_by_value(learned: type, dtype: type) -> None:
    params, x = dict(adapter_of(dtype=learned).params), to_tensor(tokens_of(dtype=dtype))
    tensors = {name: to_tensor(array) * (not name.endswith(".v")) for name, array in params.items()}
    bases = {
        name: (to_tensor(w), None if b is None else to_tensor(b)) for name, (w, b) in bases_of(dtype=dtype).items()
    }
    y = functional.adapt(CONFIG, tensors, bases, x).y
    zero = {name: tensor * (not name.endswith(".u")) for name, tensor in tensors.items()}
    alone = functional.adapt(CONFIG, zero, bases, x).y
    assert all(torch.equal(y[name], alone[name]) for name in bases)
    module = PEERAdapter(CONFIG, dtype=tensors["keys"].dtype)
    assert not any(added.any() for added in module(x).values())


def test_on_dyadic_data_the_map_is_exactly_the_base_plus_a_sum_of_outer_products() -> None:
    config = replace(CONFIG, top_k=1)  # one expert for each head has gate 1
    rng = np.random.default_rng(3)
    adapter = adapter_of(config, np.float32)
    params = {name: (rng.integers(-4, 4, a.shape) / 2).astype(np.float32) for name, a in adapter.params.items()}
    adapter, x = replace(adapter, params=params), (rng.integers(-4, 4, (6, 5)) / 2).astype(np.float32)
    bases = {name: Base((rng.integers(-4, 4, (m, 5)) / 4).astype(np.float32)) for name, m in config.targets.items()}
    found = backend.adapt(adapter, bases, x)
    for name, base in bases.items():
        u, v = (params[f"targets.{name}.{table}"] for table in "uv")
        for t, token in enumerate(x):
            added = sum(np.einsum("rm,rd->md", v[e], u[e]) for e in found["indices"][t, :, 0])
            assert (found[f"y.{name}"][t] == (base.weight + config.alpha * added) @ token).all()


@pytest.mark.parametrize("lead", [(), (1,), (0,), (2, 0)])
def test_any_leading_axes(lead: tuple[int, ...]) -> None:
    adapter, bases, x = adapter_of(), bases_of(), tokens_of(lead=lead)
    found = backend.adapt(adapter, bases, x)
    assert found["y.q"].shape == (*lead, 7)
    assert found["gates"].shape == (*lead, 3, 4)
    gradients = backend.adapter_gradients(adapter, bases, x, {name: found[f"y.{name}"] for name in bases})
    assert gradients["x"].shape == x.shape
    assert gradients["keys"].any() == bool(x.size)


def test_the_base_has_no_gradient_also_where_it_could() -> None:
    adapter, x = adapter_of(), to_tensor(tokens_of())
    params = {name: to_tensor(array) for name, array in adapter.params.items()}
    bases = {"q": (torch.randn(7, 5, dtype=torch.float64, requires_grad=True), None)}
    y = functional.adapt(CONFIG, {n: p.clone().requires_grad_() for n, p in params.items()}, bases, x).y["q"]
    y.sum().backward()
    assert bases["q"][0].grad is None


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # torch.func's own
def test_derivatives_of_torch_func_and_of_a_backward_pass_are_those_of_finite_differences() -> None:
    # small, because the check changes one number at a time
    config = replace(CONFIG, d_model=3, num_experts=9, top_k=2, rank=2, targets={"q": 2})
    params = {name: to_tensor(array) for name, array in adapter_of(config).params.items()}
    base, x = bases_of(config), to_tensor(tokens_of(config, lead=(3,)))
    bases = {"q": tuple(map(to_tensor, base["q"]))}

    def output(u: Tensor, v: Tensor, x: Tensor) -> Tensor:
        changed = params | {"targets.q.u": u, "targets.q.v": v}
        return functional.adapt(config, changed, bases, x).y["q"]

    inputs = [params["targets.q.u"].clone(), params["targets.q.v"].clone(), x.clone()]
    leaves = [tensor.requires_grad_() for tensor in inputs]
    assert torch.autograd.gradgradcheck(output, leaves)
    of_x = torch.func.jacrev(lambda x: output(*inputs[:2], x))(x.detach())
    forward = torch.func.jacfwd(lambda x: output(*inputs[:2], x))(x.detach())
    torch.testing.assert_close(of_x, forward, rtol=0.0, atol=APART)
    batch = torch.stack([x.detach(), 2 * x.detach()])
    mapped = torch.func.vmap(lambda x: output(*inputs[:2], x))(batch)
    torch.testing.assert_close(mapped[1], output(*inputs[:2], 2 * x.detach()), rtol=0.0, atol=APART)
    with torch.no_grad():
        mapped = torch.func.vmap(lambda x: output(*inputs[:2], x))(batch)
        torch.testing.assert_close(mapped[1], output(*inputs[:2], 2 * x.detach()), rtol=0.0, atol=APART)


def module_of(config: AdapterConfig = CONFIG, **options: bool) -> PEERAdapter:
    module = PEERAdapter.from_adapter(adapter_of(config))
    module.sparse_gradients = options.get("sparse", False)
    return module


def learn(module: PEERAdapter, optimiser: torch.optim.Optimizer, steps: int = 2) -> dict[str, Tensor]:
    for _ in range(steps):
        optimiser.zero_grad()
        for _ in range(2):  # of an accumulated sparse gradient, rows stand twice
            sum(added.square().sum() for added in module(to_tensor(tokens_of())).values()).backward()
        optimiser.step()
    return module.state_dict()


@pytest.mark.parametrize("rank", [1, 2])
def test_sparse_gradients_are_the_dense_ones(rank: int) -> None:
    config = replace(CONFIG, rank=rank, top_k=2)
    dense, sparse = module_of(config), module_of(config, sparse=True)
    for module in (dense, sparse):
        sum(added.square().sum() for added in module(to_tensor(tokens_of(lead=(2,)))).values()).backward()
    for name, parameter in sparse.named_parameters():
        gradient, wanted = parameter.grad, dense.get_parameter(name).grad
        if name.startswith("targets."):
            assert gradient.is_sparse
            assert gradient.coalesce().indices().shape[1] <= 12  # two tokens, three heads, two experts
            assert torch.equal(gradient.coalesce().indices(), gradient._indices())
            gradient = gradient.to_dense()
        assert torch.equal(gradient, wanted)
        assert wanted.any()


def test_the_norm_of_accumulated_sparse_gradients_is_that_of_the_dense_ones() -> None:
    norms = []
    for sparse in (False, True):
        module = module_of(sparse=sparse)
        for lead in ((3,), (2,)):
            sum(added.square().sum() for added in module(to_tensor(tokens_of(lead=lead))).values()).backward()
        norms.append(float(clip_grad_norm_(module.parameters(), 1.0)))
    assert norms[0] == pytest.approx(norms[1], rel=APART)


OPTIMISERS: list[Callable[..., torch.optim.Optimizer]] = [
    lambda parameters: torch.optim.SGD(parameters, lr=0.01),
    lambda parameters: torch.optim.Adagrad(parameters, lr=0.01),
    lambda parameters: RowSGD(parameters, lr=0.01),
    lambda parameters: RowAdagrad(parameters, lr=0.01),
]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_an_optimiser_makes_the_same_steps_of_sparse_gradients(optimiser: Callable) -> None:
    dense, sparse = module_of(), module_of(sparse=True)
    wanted, found = learn(dense, optimiser(dense.parameters())), learn(sparse, optimiser(sparse.parameters()))
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=0.0, atol=APART)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_learns_the_same_and_shares_nothing(copied: Callable[[PEERAdapter], PEERAdapter]) -> None:
    module = module_of()
    clone = copied(module)
    wanted = learn(module, torch.optim.SGD(module.parameters(), lr=0.1))
    assert not torch.equal(clone.keys, module.keys)
    found = learn(clone, torch.optim.SGD(clone.parameters(), lr=0.1))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_module_has_the_names_of_the_chapter_and_gives_its_adapter_back() -> None:
    module, adapter = module_of(), adapter_of()
    assert set(module.state_dict()) == set(CONFIG.shapes())
    again = module.to_adapter()
    assert again.config == adapter.config
    assert all(again.params[name].tobytes() == array.tobytes() for name, array in adapter.params.items())
    other = PEERAdapter(CONFIG, dtype=torch.float64)
    other.load_state_dict(module.state_dict())
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in module.state_dict().items())
    bare = PEERAdapter(CONFIG, device="meta")
    with pytest.raises(TableError, match="on the device meta"):
        bare.to_adapter()
    bare.to_empty(device="cpu").reset_parameters()
    assert bare.to_adapter().params["keys"].any()


def test_what_does_not_fit_is_one_sentence() -> None:
    params = {name: to_tensor(array) for name, array in adapter_of().params.items()}
    x, bases = to_tensor(tokens_of()), {"q": (torch.zeros(7, 5, dtype=torch.float64), None)}
    for wrong, words in (
        ({"other": bases["q"]}, "has the targets q, keys, got 'other'"),
        ({"keys": bases["q"]}, r"the base of keys must have a weight of shape \(5, 5\), got \(7, 5\)"),
        ({"q": (bases["q"][0].float(), None)}, "must be torch.float64 on cpu as x, got torch.float32"),
    ):
        with pytest.raises(InputError, match=words):
            functional.adapt(CONFIG, params, wrong, x)
    with pytest.raises(TableError, match="this configuration has the parameters"):
        functional.adapt(CONFIG, {"keys": params["keys"]}, bases, x)
    with pytest.raises(InputError, match=r"x must have shape \[..., 5\]"):
        functional.adapt(CONFIG, params, bases, x[..., :4])
    with pytest.raises(TableError, match="must be of dtype"):
        PEERAdapter(CONFIG, dtype=torch.int8)
    with pytest.raises(InputError, match="dy must have the shape of y"):
        backend.adapter_gradients(adapter_of(), bases_of(), tokens_of(), {})


def test_a_module_adds_what_the_reference_adds() -> None:
    module = module_of()
    assert module(to_tensor(tokens_of(lead=(2, 0))))["q"].shape == (2, 0, 7)
    found = module(to_tensor(tokens_of()))
    wanted = reference_adapt(adapter_of(), {n: Base(b.weight * 0) for n, b in bases_of().items()}, tokens_of()).y
    assert all(near(to_array(added), wanted[name]) for name, added in found.items())
