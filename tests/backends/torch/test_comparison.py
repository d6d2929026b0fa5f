"""The comparison layers in torch: exact on integers, else within the bounds of PRC-4 for their own selection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from support.comparison import KINDS, config_of, integer_layer, random_layer, tokens_of
from support.comparison_bounds import gradients_within, logit_bounds, score_bounds, y_within
from support.rounding import APART
from torch.utils.flop_counter import FlopCounterMode

from peerspec.backends.torch import PEER, LazyAdam
from peerspec.backends.torch.arrays import TORCH_DTYPES, to_array, to_tensor
from peerspec.backends.torch.comparison import PKM, Dense, ExpertChoice, TokenChoice
from peerspec.backends.torch.comparison.product import product
from peerspec.backends.torch.kernels import library_operations
from peerspec.conformance.bounds.model import model_for
from peerspec.reference import PRECISIONS, InputError, Layer, TableError
from peerspec.reference.comparison import ComparisonLayer, comparison_cost, forward
from peerspec.reference.comparison.initial import initial_scales
from peerspec.reference.comparison.token_choice import choose, keep

MODULES: dict[str, Any] = {"dense": Dense, "tokens": TokenChoice, "experts": ExpertChoice, "pkm": PKM}
MIXTURES = [kind for kind in KINDS if kind.startswith(("tokens", "experts"))]
MEMORIES = [kind for kind in KINDS if kind.startswith("pkm")]


def module_of(layer: ComparisonLayer, kind: str) -> Any:
    return MODULES[kind.split()[0]].from_layer(layer)


def routed(module: Any, x: Any, mask: Any = None) -> Any:
    """The result, with y as an attribute, as arrays."""
    if isinstance(module, Dense):
        return None, module(x, mask)
    out = module.forward_with_routing(x, mask)
    names = [name for name in out._fields if name not in ("y", "state")]
    return type(out)(**dict.fromkeys(out._fields) | {n: to_array(getattr(out, n).detach()) for n in names}), out.y


@pytest.fixture(params=["core", "library"])
def path(request: pytest.FixtureRequest) -> Iterator[None]:
    with library_operations() if request.param == "library" else nullcontext():
        yield


def case(kind: str, precision: str, count: int = 24) -> tuple[ComparisonLayer, Any, Any, Any]:
    """A layer, its module, and tokens and dy in the dtype of the input."""
    named = PRECISIONS[precision]
    layer = random_layer(kind, named.parameters)
    x, dy = (array.astype(named.input) for array in tokens_of(layer, count))
    return layer, module_of(layer, kind), x, dy


def assert_admissible(kind: str, layer: ComparisonLayer, x: Any, out: Any) -> None:
    """TCM-3, XCM-5: nothing outside a selection is certainly better than something inside; drops follow from ids."""
    model, x = model_for(layer.dtype), np.asarray(x, np.float64)
    if kind.startswith("tokens"):
        scores, chosen = logit_bounds(model, layer, x), np.zeros((len(x), 4), bool)
        np.put_along_axis(chosen, out.indices, True, -1)
        assert (chosen.sum(-1) == layer.config.top_k).all()
        expected = keep(np.asarray(out.indices), np.ones(len(x), bool), 4, layer.config.capacity)
        np.testing.assert_array_equal(out.kept, expected)
    elif kind.startswith("experts"):
        bound = score_bounds(model, layer, x)
        scores, chosen = type(bound)(bound.value.T, bound.error.T), np.asarray(out.chosen).T
        assert (chosen.sum(-1) == layer.config.capacity(len(x))).all()
    else:
        return
    least = np.where(chosen, scores.value + scores.error, np.inf).min(-1)
    best = np.where(chosen, -np.inf, scores.value - scores.error).max(-1)
    assert (best <= least).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("path")
def test_results_and_gradients_are_within_their_bounds(kind: str, precision: str) -> None:
    layer, module, x, dy = case(kind, precision)
    tokens = to_tensor(x).requires_grad_()
    out, y = routed(module, tokens)
    assert y.dtype == tokens.dtype
    assert_admissible(kind, layer, x, out)
    y_within(layer, x, to_array(y.detach()), out)
    y.backward(to_tensor(dy))
    got = {name: to_array(parameter.grad) for name, parameter in module.named_parameters()}
    gradients_within(layer, x, dy, got | {"x": to_array(tokens.grad)}, out)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("options", [{}, {"activation": "identity"}, {"expert": "glu"}])
def test_a_dense_layer_is_exact_on_integers(options: dict[str, Any], precision: str) -> None:
    named = PRECISIONS[precision]
    layer = integer_layer("dense", named.parameters, **options)
    x = np.random.default_rng(1).integers(-1, 2, (6, 5)).astype(named.input)
    expected = forward(layer, x).y.astype(named.input)
    np.testing.assert_array_equal(to_array(module_of(layer, "dense")(to_tensor(x)).detach()), expected)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("capacity", [None, 1, 2, 5])
@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_choices_and_drops_are_exact_on_integers_and_so_is_y_with_equal_gates(
    top_k: int, capacity: int | None, precision: str
) -> None:
    named = PRECISIONS[precision]
    layer = integer_layer("tokens", named.parameters, top_k=top_k, capacity=capacity)
    x = np.random.default_rng(1).integers(-1, 2, (9, 5)).astype(named.input)
    mask = np.arange(9) % 4 != 1
    expected = forward(layer, x, mask=mask)
    out, _ = routed(module_of(layer, "tokens"), to_tensor(x), torch.from_numpy(mask))
    for name in ("scores", "indices", "kept"):
        np.testing.assert_array_equal(getattr(out, name), getattr(expected, name))
    # ties of all experts: gates are exactly 1/k
    tied = ComparisonLayer(layer.config, dict(layer.params) | {"router.weight": 0 * layer.params["router.weight"]})
    _, y = routed(module_of(tied, "tokens"), to_tensor(x), torch.from_numpy(mask))
    np.testing.assert_array_equal(to_array(y.detach()), forward(tied, x, mask=mask).y.astype(named.input))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("factor", [0.25, 1.5, 4])
def test_equal_scores_are_chosen_by_earlier_token_and_y_is_exact(factor: float, precision: str) -> None:
    named = PRECISIONS[precision]
    layer = integer_layer("experts", named.parameters, capacity_factor=factor)
    tied = ComparisonLayer(layer.config, dict(layer.params) | {"router.weight": 0 * layer.params["router.weight"]})
    x = np.random.default_rng(1).integers(-1, 2, (9, 5)).astype(named.input)
    mask = np.arange(9) % 4 != 1
    expected = forward(tied, x, mask=mask)
    out, y = routed(module_of(tied, "experts"), to_tensor(x), torch.from_numpy(mask))
    np.testing.assert_array_equal(out.chosen, expected.chosen)
    np.testing.assert_array_equal(out.scores, expected.scores)
    np.testing.assert_array_equal(to_array(y.detach()), expected.y.astype(named.input))


def test_many_equal_scores_keep_their_order() -> None:
    """Sorts of few numbers are stable by themselves; those of many only if they are asked to be."""
    config = config_of("tokens", num_experts=300, d_hidden=1, top_k=20, capacity=2)
    module = TokenChoice(config)
    torch.nn.init.zeros_(module.router.weight)
    out = module.forward_with_routing(torch.ones(50, 5))
    assert torch.equal(out.indices, torch.arange(20).expand(50, -1))
    assert torch.equal(out.kept, (torch.arange(50) < 2)[:, None].expand(-1, 20))
    chooser = ExpertChoice(config_of("experts", capacity_factor=1.0))
    chosen = chooser.forward_with_routing(torch.ones(4000, 5)).chosen
    assert torch.equal(chosen, (torch.arange(4000) < 1000)[:, None].expand(-1, 4))


def test_signed_zeros_are_equal_logits() -> None:
    logit = np.array([[-0.0, 0.0, -0.0, 1.0], [0.0, -0.0, -1.0, 0.0]])
    params = {"router.weight": np.eye(4), "experts.u": np.ones((4, 1, 4)), "experts.v": np.ones((4, 1, 1))}
    config = config_of("tokens", d_model=4, d_hidden=1, d_out=1, top_k=3)
    module = TokenChoice.from_layer(ComparisonLayer(config, params))
    out = module.forward_with_routing(torch.from_numpy(logit))
    np.testing.assert_array_equal(out.indices.numpy(), choose(logit, 3))


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16", "mixed-float16"])
@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("kind", MEMORIES)
@pytest.mark.usefixtures("path")
def test_the_routing_of_a_memory_is_that_of_peer_bit_for_bit(kind: str, gradients: bool, precision: str) -> None:
    layer, module, x, _ = case(kind, precision)
    router = {name: array for name, array in layer.params.items() if name != "values"}
    u = np.random.default_rng(4).standard_normal((16, 5)).astype(layer.dtype)
    peer = PEER.from_layer(
        Layer(layer.config.retrieval, router | {"experts.u": u, "experts.v": layer.params["values"]})
    )
    with torch.set_grad_enabled(gradients):
        mine, theirs = module.forward_with_routing(to_tensor(x)), peer.forward_with_routing(to_tensor(x))
    for name in ("scores", "indices", "gates"):
        assert torch.equal(getattr(mine, name), getattr(theirs, name)), name
    for name, statistic in (mine.state or {}).items():
        assert torch.equal(statistic, theirs.state[name])
        assert torch.equal(module.state_dict()[name], statistic)
    assert (mine.state is not None) == (kind == "pkm all")


@pytest.mark.parametrize("lead", [(0,), (), (1,), (2, 0, 3), (2, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_any_leading_axes_are_legal(kind: str, lead: tuple[int, ...]) -> None:
    layer = random_layer(kind)
    module = module_of(layer, kind).eval()
    x = torch.from_numpy(tokens_of(layer, *lead)[0]).requires_grad_()
    y = module(x)
    assert y.shape == (*lead, 7)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape
    flat = x.detach().reshape(-1, 5)
    assert torch.equal(module(flat), y.detach().reshape(-1, 7))


@pytest.mark.parametrize("kind", MIXTURES)
def test_masked_tokens_get_zero_and_a_counted_nan_is_nan_alone(kind: str) -> None:
    layer = random_layer(kind)
    module = module_of(layer, kind)
    x, _ = tokens_of(layer, 9)
    mask = np.arange(9) % 4 != 1
    x[[1, 5]] = np.nan
    x[3, 2] = np.nan
    expected = forward(layer, x, mask=mask)
    out, y = routed(module, torch.from_numpy(x), torch.from_numpy(mask))
    name = "chosen" if kind.startswith("experts") else "kept"
    np.testing.assert_array_equal(getattr(out, name), getattr(expected, name))
    assert not y[[1, 5]].any()
    assert y[3].isnan().all()
    rest = [0, 2, 4, 6, 7, 8]
    assert y[rest].isfinite().all()
    finite = np.where(np.isnan(x), 0, x)
    again, y_again = routed(module, torch.from_numpy(finite), torch.from_numpy(mask & (np.arange(9) != 3)))
    if kind.startswith("tokens"):
        assert torch.equal(y_again[rest], y[rest])
        np.testing.assert_array_equal(again.kept[rest], out.kept[rest])


@pytest.mark.parametrize("kind", ["dense", *MEMORIES])
def test_other_layers_keep_a_nan_with_its_token(kind: str) -> None:
    layer = random_layer(kind)
    module = module_of(layer, kind).eval()
    x = torch.from_numpy(tokens_of(layer, 6)[0])
    expected = module(x)
    x[2, 1] = torch.nan
    y = module(x)
    assert y[2].isnan().all()
    assert torch.equal(y[[0, 1, 3, 4, 5]], expected[[0, 1, 3, 4, 5]])


def step(module: Any, x: torch.Tensor, mask: Any = None) -> list[torch.Tensor]:
    module.zero_grad()
    tokens = x.clone().requires_grad_()
    y = module(tokens, mask)
    y.square().sum().backward()
    return [y.detach(), tokens.grad, *(p.grad.clone() for p in module.parameters())]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_inputs_give_equal_bits_under_every_setting_of_precision(kind: str) -> None:
    layer = random_layer(kind, np.float32, **({"d_hidden": 64} if "pkm" not in kind else {}), d_model=64)
    module = module_of(layer, kind)
    x = torch.from_numpy(tokens_of(layer, 64)[0].astype(np.float32))
    want = step(module, x)
    try:
        for precision in ("highest", "medium"):
            torch.set_float32_matmul_precision(precision)
            for ours, theirs in zip(step(module, x), want, strict=True):
                assert torch.equal(ours, theirs)
    finally:
        torch.set_float32_matmul_precision("highest")
    with torch.autocast("cpu", torch.bfloat16):
        got = step(module, x)
    for ours, theirs in zip(got, want, strict=True):
        assert torch.equal(ours, theirs)


# Torch's tracer warns of what it does itself.
@pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning", "ignore:The .grad attribute of a Tensor:UserWarning"
)
@pytest.mark.parametrize("kind", ["dense", "tokens", "tokens capacity", "experts", "pkm"])
def test_a_layer_compiles_into_one_graph_for_every_number_of_tokens(kind: str) -> None:
    layer = random_layer(kind)
    module, compiled = module_of(layer, kind), module_of(layer, kind)
    compiled.compile(fullgraph=True, backend="aot_eager", dynamic=True)
    for count in (5, 8):
        x, mask = torch.from_numpy(tokens_of(layer, count)[0]), torch.arange(count) % 3 != 1
        for ours, theirs in zip(step(compiled, x, mask), step(module, x, mask), strict=True):
            # without a capacity, experts have other numbers of slots, and products round in another way
            assert (ours - theirs).abs().max() <= APART * theirs.abs().max()


@pytest.mark.parametrize("kind", KINDS)
def test_conversion_keeps_every_bit_and_every_name(kind: str) -> None:
    for dtype in TORCH_DTYPES:
        layer = random_layer(kind, np.float32 if dtype == "float32" else PRECISIONS[dtype].parameters)
        module = module_of(layer, kind)
        assert set(module.state_dict()) == set(layer.config.shapes())
        back = module.to_layer()
        assert back.config == layer.config
        for name, array in layer.params.items():
            np.testing.assert_array_equal(back.params[name], array)
        assert not np.shares_memory(back.params[next(iter(layer.params))], to_array(next(iter(module.parameters()))))


@pytest.mark.parametrize("kind", KINDS)
def test_new_parameters_have_their_scales(kind: str) -> None:
    options = {"d_model": 64} | ({} if kind.startswith("pkm") else {"d_hidden": 64})
    config = config_of(kind, **options)
    torch.manual_seed(0)
    module = MODULES[kind.split()[0]](config)
    for name, tensor in module._tensors().items():
        scale = initial_scales(config).get(name)
        if scale is None:
            assert ((tensor == 0) | (tensor == 1)).all()
        else:  # the deviation of n numbers is off by 1/√(2n), and five times this is allowed
            assert abs(tensor.std() / scale - 1) < 5 / (2 * tensor.numel()) ** 0.5


def test_a_million_values_get_sparse_gradients_of_touched_rows() -> None:
    config = config_of("pkm", num_experts=2**20, d_model=8, d_out=4)
    torch.manual_seed(0)
    sparse = PKM(config, sparse_gradients=True)
    x = torch.randn(6, 8)
    sparse(x).sum().backward()
    gradient = sparse.values.grad
    assert gradient.is_sparse
    touched = sparse.forward_with_routing(x).indices.unique()
    assert torch.equal(gradient.coalesce().indices()[0], touched)
    LazyAdam(sparse.parameters(), lr=0.1).step()
    dense = PKM.from_layer(sparse.to_layer())
    dense(x).sum().backward()
    again = PKM.from_layer(sparse.to_layer())
    again.sparse_gradients = True
    again(x).sum().backward()
    assert torch.equal(again.values.grad.to_dense(), dense.values.grad)


def test_derivatives_of_derivatives_are_those_of_differences() -> None:
    a = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(product, (a, b))
    assert torch.autograd.gradgradcheck(product, (a, b))
    for kind in ("dense glu", "tokens before capacity", "experts", "pkm"):
        layer = random_layer(kind)
        module = module_of(layer, kind)
        x = torch.from_numpy(tokens_of(layer, 3)[0]).requires_grad_()
        assert torch.autograd.gradgradcheck(module, (x,)), kind


@pytest.mark.parametrize("kind", ["dense", "dense glu", "experts f=E", "pkm", "pkm layer"])
def test_counted_flops_are_those_of_the_cost(kind: str) -> None:
    """Where slots are full: of a mixture in which every expert computes every token."""
    layer = random_layer(kind)
    module, x = module_of(layer, kind), torch.from_numpy(tokens_of(layer, 6)[0])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    assert counter.get_total_flops() == 6 * comparison_cost(layer.config).flops_per_token


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    layer = random_layer("tokens", np.float32)
    module = TokenChoice.from_layer(layer)
    with pytest.raises(InputError, match=r"x must have shape \[\.\.\., 5\], got \(3, 6\) \(SHP-1\)"):
        module(torch.zeros(3, 6))
    with pytest.raises(
        InputError, match=r"x must be torch\.float32 .* for parameters of torch\.float32, got .*float64"
    ):
        module(torch.zeros(3, 5, dtype=torch.float64))
    with pytest.raises(InputError, match=r"mask must be boolean of shape \(3,\), got torch\.int64 .* \(SHP-2\)"):
        module(torch.zeros(3, 5), torch.ones(3, dtype=torch.int64))
    with pytest.raises(InputError, match="x must be on cpu as the parameters, got meta; move it"):
        module(torch.zeros(3, 5, device="meta"))
    with pytest.raises(TableError, match=r"parameters must be of dtype torch\.float64, .*, got torch\.int32 \(PAR-5\)"):
        TokenChoice(layer.config, dtype=torch.int32)
    module.experts.v = torch.nn.Parameter(module.experts.v.double())
    with pytest.raises(
        TableError, match=r"experts\.v must be torch\.float32 in a layer of torch\.float32, got .*float64"
    ):
        module(torch.zeros(3, 5))
    module.experts.v = torch.nn.Parameter(torch.zeros(4, 3, 2))
    with pytest.raises(TableError, match=r"experts\.v must have shape \(4, 3, 7\), got \(4, 3, 2\) \(CMP-3\)"):
        module(torch.zeros(3, 5))
    with pytest.raises(TableError, match="u lies on the device meta and has no values"):
        Dense(config_of("dense"), device="meta").to_layer()


# Torch warns where it maps an operator without a rule of its own, and of what forward mode does itself.
@pytest.mark.filterwarnings(
    "ignore:There is a performance drop:UserWarning",
    "ignore:torch.searchsorted:UserWarning",
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning",
)
@pytest.mark.parametrize("kind", KINDS)
def test_function_transforms_give_the_numbers_of_one_call_after_the_other(kind: str) -> None:
    """``vmap``, gradients for each batch, and forward mode; products of several batches may round otherwise."""
    layer = random_layer(kind, np.dtype("float64"))
    module = module_of(layer, kind)
    params = {name: parameter.detach() for name, parameter in module.named_parameters()}
    x = to_tensor(tokens_of(layer, 24)[0]).reshape(3, 8, -1)

    def loss(params: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(module, params, (x,)).square().sum()

    close = {"rtol": APART, "atol": APART}
    torch.testing.assert_close(torch.func.vmap(module.eval())(x), torch.stack([module(each) for each in x]), **close)
    mapped = torch.func.vmap(torch.func.grad(loss), (None, 0))(params, x)
    for batch in range(3):
        single = torch.autograd.grad(loss(dict(module.named_parameters()), x[batch]), list(module.parameters()))
        torch.testing.assert_close([mapped[name][batch] for name in params], list(single), **close)
    _, slope = torch.func.jvp(lambda x: loss(params, x), (x[0],), (x[1],))
    torch.testing.assert_close(slope, (torch.func.grad(loss, 1)(params, x[0]) * x[1]).sum(), **close)
