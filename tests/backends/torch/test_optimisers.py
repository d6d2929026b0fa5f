"""Optimisers of rows: equal to dense updates where they say so, with and without the core, in and after backward."""

import copy
import io

import pytest
import torch
from support.paths import both_paths

from peerspec.backends.torch import PEER, LazyAdam, RowAdagrad, RowSGD, clip_grad_norm_, optim
from peerspec.backends.torch.in_backward import UpdateError
from peerspec.backends.torch.kernels import library_operations
from peerspec.backends.torch.touched import FactoredRows, Touched, touched_rows
from peerspec.reference import InputError, PeerConfig

CONFIG = PeerConfig(12, 2, 100, 3, 6, d_out=7, expert="glu", query_bias=True)
TABLES = ("experts.u", "experts.v", "experts.w")
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


path = both_paths(library_operations)


def layer(*, sparse: bool = True, dtype: torch.dtype = torch.float32) -> PEER:
    torch.manual_seed(0)
    return PEER(CONFIG, sparse_gradients=sparse, dtype=dtype)


def batch(seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(5, 12, generator=torch.Generator().manual_seed(seed)).to(dtype)


def backward(module: PEER, seed: int) -> None:
    module(batch(seed, module.keys.dtype)).square().sum().backward()


def train(module: PEER, optimiser: torch.optim.Optimizer, seeds: range) -> None:
    for seed in seeds:
        optimiser.zero_grad()
        backward(module, seed)
        optimiser.step()


def bits(module: torch.nn.Module) -> dict[str, bytes]:
    return {name: tensor.detach().view(torch.uint8).numpy().tobytes() for name, tensor in module.named_parameters()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_gradients_are_the_touched_rows_of_the_dense_ones(dtype):
    dense, sparse = layer(sparse=False, dtype=dtype), layer(dtype=dtype)
    backward(dense, 0)
    backward(sparse, 0)
    for name, parameter in sparse.named_parameters():
        gradient, want = parameter.grad, dense.get_parameter(name).grad
        assert gradient.is_sparse == (name in TABLES)
        if name in TABLES:
            rows = gradient._indices()[0]
            assert 0 < len(rows) == len(gradient._values()) < 100
            assert (rows[1:] > rows[:-1]).all()
            gradient = gradient.to_dense()
        assert torch.equal(gradient, want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [RowSGD, RowAdagrad])
def test_a_step_on_touched_rows_is_the_step_on_all_rows_bit_for_bit(kind, dtype):
    dense, sparse = layer(sparse=False, dtype=dtype), layer(dtype=dtype)
    for module in (dense, sparse):
        train(module, kind(module.parameters(), lr=0.05), range(4))
    assert bits(dense) == bits(sparse)


@pytest.mark.parametrize("kind", [RowSGD, RowAdagrad, LazyAdam])
def test_an_update_within_the_backward_pass_is_the_one_after_it_bit_for_bit(kind):
    after, within = layer(), layer()
    train(after, kind(after.parameters(), lr=0.05), range(4))
    optimiser = kind(within.parameters(), lr=0.05, in_backward=True)
    before = bits(within)
    backward(within, 0)
    assert all(within.get_parameter(name).grad is None for name in TABLES)
    assert {name for name, now in bits(within).items() if now != before[name]} == set(TABLES)
    optimiser.step()
    train(within, optimiser, range(1, 4))
    assert bits(within) == bits(after)


def test_sgd_is_that_of_torch():
    ours, theirs = layer(), layer()
    train(ours, RowSGD(ours.parameters(), lr=0.05), range(1))
    train(theirs, torch.optim.SGD(theirs.parameters(), lr=0.05), range(1))
    for name, parameter in ours.named_parameters():
        other = theirs.get_parameter(name)
        # each rounds lr · gradient and the difference at most once, in float32 of unit roundoff 2⁻²⁴
        gradient = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
        bound = 2 * 2**-24 * (parameter.abs() + 2 * 0.05 * gradient.abs())
        assert ((parameter - other).abs() <= bound).all()


def test_lazy_adam_is_adam_where_every_row_has_a_gradient():
    ours, theirs = layer(sparse=False, dtype=torch.float64), layer(sparse=False, dtype=torch.float64)
    for module, optimiser in ((ours, LazyAdam), (theirs, torch.optim.Adam)):
        chosen = [module.get_parameter("query.weight"), module.get_parameter("query.bias")]
        train(module, optimiser(chosen, lr=0.01), range(5))
    for name in ("query.weight", "query.bias"):
        # a few roundings of 2⁻⁵³ a step, of steps of at most 0.01 / √(1 − 0.999), seen through their gradients
        torch.testing.assert_close(ours.get_parameter(name), theirs.get_parameter(name), rtol=0, atol=1e-12)


def test_lazy_adam_lets_the_moments_of_other_rows_rest():
    module = layer()
    optimiser = LazyAdam(module.parameters())
    train(module, optimiser, range(1))
    u = module.get_parameter("experts.u")
    before, momentum = u.detach().clone(), optimiser.state[u]["exp_avg"].clone()
    first = set(u.grad._indices()[0].tolist())
    train(module, optimiser, range(1, 2))
    rest = sorted(first - set(u.grad._indices()[0].tolist()))
    assert rest
    assert momentum[rest].any()
    assert torch.equal(u[rest], before[rest])
    assert torch.equal(optimiser.state[u]["exp_avg"][rest], momentum[rest])


def test_accumulated_gradients_are_those_of_one_batch_of_both():
    module, dense = layer(dtype=torch.float64), layer(sparse=False, dtype=torch.float64)
    for seed in (0, 1, 2):
        backward(module, seed)
        backward(dense, seed)
    for each in (module, dense):
        RowSGD(each.parameters(), lr=0.05).step()
    for name, parameter in module.named_parameters():
        # sums of three terms, of the same order of magnitude as the parameters
        torch.testing.assert_close(parameter, dense.get_parameter(name), rtol=0, atol=1e-14)


@pytest.mark.stack("torch", "clipping", "by global norm, sparse gradients included: `clip_grad_norm_` of this package")
@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf")])
def test_clipping_counts_rows_and_dense_gradients_together(norm_type):
    module, dense = layer(dtype=torch.float64), layer(sparse=False, dtype=torch.float64)
    for each in (module, dense):
        backward(each, 0)
        backward(each, 1)
    norm = clip_grad_norm_(module.parameters(), 0.5, norm_type)
    want = torch.nn.utils.clip_grad_norm_(dense.parameters(), 0.5, norm_type)
    torch.testing.assert_close(norm, want, rtol=1e-14, atol=0)
    for name, parameter in module.named_parameters():
        gradient = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
        torch.testing.assert_close(gradient, dense.get_parameter(name).grad, rtol=1e-13, atol=1e-15)
    assert clip_grad_norm_(module.parameters(), 1.0, norm_type, foreach=False) < 0.5
    small = [parameter.grad for parameter in module.parameters()]
    assert all(gradient is parameter.grad for gradient, parameter in zip(small, module.parameters(), strict=True))


def test_clipping_refuses_a_norm_that_is_not_finite_if_it_is_told_so():
    module = layer()
    backward(module, 0)
    module.get_parameter("keys").grad[0] = float("nan")
    before = module.get_parameter("query.weight").grad.clone()
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_grad_norm_(module.parameters(), 1e-3, error_if_nonfinite=True)
    assert torch.equal(module.get_parameter("query.weight").grad, before)
    assert clip_grad_norm_(module.get_parameter("query.weight"), 1e-3) > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("in_backward", [False, True])
@pytest.mark.parametrize("kind", [RowSGD, RowAdagrad, LazyAdam])
def test_a_run_resumed_from_a_file_ends_bit_for_bit_where_it_would_have(kind, in_backward, dtype):
    whole, stopped = layer(dtype=dtype), layer(dtype=dtype)
    train(whole, kind(whole.parameters(), lr=0.05, in_backward=in_backward), range(6))
    optimiser = kind(stopped.parameters(), lr=0.05, in_backward=in_backward)
    train(stopped, optimiser, range(3))
    file = io.BytesIO()
    torch.save({"model": stopped.state_dict(), "optimiser": optimiser.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = layer(dtype=dtype)
    resumed.load_state_dict(saved["model"])
    again = kind(resumed.parameters(), lr=1.0, in_backward=in_backward)
    again.load_state_dict(saved["optimiser"])
    train(resumed, again, range(3, 6))
    assert bits(resumed) == bits(whole)


@pytest.mark.parametrize("in_backward", [False, True])
def test_bits_do_not_depend_on_the_number_of_threads(in_backward):
    results, threads = [], torch.get_num_threads()
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        module = layer()
        train(module, LazyAdam(module.parameters(), in_backward=in_backward), range(3))
        results.append(bits(module))
    torch.set_num_threads(threads)
    assert results[0] == results[1] == results[2]


def test_schedulers_set_the_rate_of_updates_within_the_backward_pass():
    module, frozen = layer(), layer()
    optimiser = RowSGD(module.parameters(), lr=0.05, in_backward=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 if step == 0 else 0.0)
    train(module, optimiser, range(1))
    scheduler.step()
    before = bits(module)
    train(module, optimiser, range(1, 2))
    assert bits(module) == before != bits(frozen)


def test_groups_have_rates_of_their_own_and_closures_are_called():
    module = layer()
    tables = [module.get_parameter(name) for name in TABLES]
    rest = [parameter for name, parameter in module.named_parameters() if name not in TABLES]
    optimiser = RowAdagrad([{"params": tables}, {"params": rest, "lr": 0.0}], lr=0.1)
    before = bits(module)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = module(batch(0)).square().sum()
        loss.backward()
        return loss

    assert optimiser.step(closure) > 0
    assert {name for name, now in bits(module).items() if now != before[name]} == set(TABLES)


def test_dense_optimisers_go_beside_one_of_rows():
    module, one = layer(), layer()
    rest = [parameter for name, parameter in module.named_parameters() if name not in TABLES]
    rows = RowSGD([module.get_parameter(name) for name in TABLES], lr=0.05, in_backward=True)
    dense = torch.optim.SGD(rest, lr=0.05)
    backward(module, 0)
    rows.step()
    dense.step()
    train(one, RowSGD(one.parameters(), lr=0.05), range(1))
    for name in TABLES:
        assert torch.equal(module.get_parameter(name), one.get_parameter(name))


def test_what_cannot_work_within_the_backward_pass_is_refused():
    module = layer()
    optimiser = RowSGD(module.parameters(), in_backward=True)
    with pytest.raises(optim.UpdateError, match="in_backward=True already updates"):
        clip_grad_norm_(module.parameters(), 1.0)
    backward(module, 0)
    with pytest.raises(optim.UpdateError, match="accumulated"):
        backward(module, 1)
    optimiser.step()
    x = batch(0)
    with pytest.raises(optim.UpdateError, match="used twice"):
        (module(x).sum() + module(x).sum()).backward()


def test_tied_tables_are_refused_before_either_is_updated():
    module = PEER(PeerConfig(12, 2, 100, 3, 6))
    module.experts.v = module.experts.u
    before = module.experts.u.detach().clone()
    optimiser = RowSGD(module.experts.parameters(), in_backward=True)
    with pytest.raises(optim.UpdateError, match="tables that are one tensor"):
        backward(module, 0)
    assert torch.equal(module.experts.u, before)
    del optimiser


def test_another_use_of_a_table_that_was_updated_is_not_lost():
    within, after = layer(), layer()
    both = RowSGD(within.parameters(), lr=0.05, in_backward=True), RowSGD(after.parameters(), lr=0.05)
    for module, optimiser in zip((within, after), both, strict=True):
        (module(batch(0)).square().sum() + module.experts.u.square().sum()).backward()
        optimiser.step()
    torch.testing.assert_close(within.experts.u, after.experts.u)


def test_a_copy_of_a_layer_is_not_updated_by_the_optimiser_of_the_original():
    module = layer()
    optimiser = RowSGD(module.parameters(), in_backward=True)
    clone = copy.deepcopy(module)
    before = bits(clone)
    backward(clone, 0)
    assert clone.get_parameter("experts.u").grad.is_sparse
    assert bits(clone) == before
    del optimiser
    backward(module, 0)
    assert module.get_parameter("experts.u").grad.is_sparse


# stored gradients of narrow tables are rounded, and those within the backward pass are not
@pytest.mark.parametrize(("dtype", "in_backward"), [*((d, False) for d in DTYPES), *((d, True) for d in DTYPES[:2])])
@pytest.mark.parametrize("kind", [RowSGD, RowAdagrad, LazyAdam])
def test_weight_decay_shrinks_touched_rows_before_the_step_and_no_others(kind, in_backward, dtype, path):
    decayed, plain = layer(dtype=dtype), layer(dtype=dtype)
    backward(decayed, 0)
    before = {name: decayed.get_parameter(name).detach().clone() for name in TABLES}
    touched = {name: decayed.get_parameter(name).grad._indices()[0] for name in TABLES}
    decayed.zero_grad()
    tables = [decayed.get_parameter(name) for name in TABLES]
    optimiser = kind(tables, lr=0.5, weight_decay=0.25, in_backward=in_backward)
    backward(decayed, 0)
    optimiser.step()
    reference = kind([plain.get_parameter(name) for name in TABLES], lr=0.5)
    backward(plain, 0)
    with torch.no_grad():  # after the gradients, which are those of the undecayed tables
        for name in TABLES:
            rows = touched[name]
            plain.get_parameter(name)[rows] = (plain.get_parameter(name)[rows].double() * 0.875).to(dtype)
    reference.step()
    for name in TABLES:
        got = decayed.get_parameter(name)
        assert torch.equal(got, plain.get_parameter(name))
        others = torch.ones(len(got), dtype=torch.bool).index_fill(0, touched[name], False)
        assert others.any()
        assert torch.equal(got[others], before[name][others])


def test_weight_decay_reads_no_more_rows_than_there_are(monkeypatch):
    """Where the number of rows stays on the device, ``rows`` and ``starts`` have room that nothing was written to."""
    found = touched_rows(torch.tensor([[1, 1, 2, 2]]), 8)
    rows, starts = torch.full((4,), 7), torch.zeros(5, dtype=torch.int64)
    rows[:2], starts[:3] = found.rows, found.starts
    places = torch.tensor([1, 1, 2, 2], dtype=torch.int32)
    gradient = FactoredRows(Touched(rows, found.order, starts, places), torch.zeros(1, 4), torch.ones(1, 4))
    table = torch.nn.Parameter(torch.ones(8, 4))
    optimiser = RowSGD([table], lr=0.1, weight_decay=0.5, in_backward=True)
    with library_operations():
        optimiser._take(table, gradient)
    assert (table[:, 0] != 1).nonzero().flatten().tolist() == [1, 2]


def test_a_dense_gradient_decays_every_row(path):
    module = layer(sparse=False)
    before = module.get_parameter("experts.v").detach().clone()
    optimiser = RowSGD(module.experts.parameters(), lr=0.1, weight_decay=0.5)
    backward(module, 0)
    optimiser.step()
    assert (module.get_parameter("experts.v") != before).any(1).all()


@pytest.mark.parametrize("kind", [RowSGD, RowAdagrad, LazyAdam])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4)])
def test_parameters_of_any_number_of_dimensions_are_updated(kind, shape, path):
    parameter = torch.nn.Parameter(torch.ones(shape))
    optimiser = kind([parameter], lr=0.1)
    parameter.sum().backward()
    optimiser.step()
    assert (parameter < 1).all()


def test_a_scaler_of_gradients_is_refused_beside_an_update_within_the_backward_pass():
    module, scaler = layer(), torch.amp.GradScaler("cpu")
    optimiser = RowSGD(module.parameters(), in_backward=True)
    scaler.scale(module(batch(0)).sum()).backward()
    assert not optimiser._step_supports_amp_scaling  # other tools may ask
    with pytest.raises(UpdateError, match=r"GradScaler .*; make the optimiser without in_backward"):
        scaler.step(optimiser)


def test_a_scaler_of_gradients_changes_nothing(path):
    scaled, plain, scaler = layer(), layer(), torch.amp.GradScaler("cpu")
    for module in (scaled, plain):
        optimiser = RowSGD(module.parameters(), lr=0.1)
        loss = module(batch(0)).sum()
        if module is scaled:
            scaler.scale(loss).backward()
            scaler.step(optimiser)
        else:
            loss.backward()
            optimiser.step()
    assert bits(scaled) == bits(plain)  # the scale is a power of two


def test_a_state_from_before_weight_decay_loads():
    module = layer()
    optimiser = RowAdagrad(module.experts.parameters(), lr=0.1)
    state = optimiser.state_dict()
    for group in state["param_groups"]:
        del group["weight_decay"]
    optimiser.load_state_dict(state)
    backward(module, 0)
    optimiser.step()
    assert optimiser.param_groups[0]["weight_decay"] == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: RowSGD(p, lr=-1.0), "lr must not be negative"),
        (lambda p: RowAdagrad(p, eps=-1.0), "eps must not be negative"),
        (lambda p: LazyAdam(p, betas=(0.9, 1.0)), "betas"),
        (lambda p: RowSGD([{"params": p, "momentum": 0.1}]), "has no option momentum"),
        (lambda p: RowSGD(p, weight_decay=-0.1), "weight_decay must not be negative"),
        (lambda p: RowSGD(p, weight_decay=float("nan")), "weight_decay .* must be a finite number, got nan"),
        (lambda p: LazyAdam(p, weight_decay=None), "weight_decay .* must be a finite number, got None"),
        (lambda p: RowAdagrad(p, lr="0.1"), "lr .* must be a finite number, got '0.1'"),
    ],
)
def test_options_that_do_not_exist_or_are_out_of_range_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make(list(layer().parameters()))


def test_a_sparse_gradient_that_is_no_table_of_rows_is_refused():
    parameter = torch.nn.Parameter(torch.ones(2, 3))
    parameter.grad = torch.eye(2, 3).to_sparse()
    with pytest.raises(InputError, match="one sparse dimension"):
        RowSGD([parameter]).step()


def test_sparse_gradients_of_embeddings_are_rows_too():
    table = torch.nn.Embedding(50, 4, sparse=True)
    dense = copy.deepcopy(table)
    dense.sparse = False
    for each in (table, dense):
        each(torch.tensor([3, 7, 3])).square().sum().backward()
        RowAdagrad(each.parameters()).step()
    assert torch.equal(table.weight, dense.weight)


@pytest.mark.parametrize("in_backward", [False, True])
@pytest.mark.parametrize(("kind", "state"), [(RowAdagrad, "sum"), (LazyAdam, "exp_avg")])
def test_a_state_of_another_dtype_than_the_converted_module_is_refused_and_changes_nothing(kind, state, in_backward):
    module = layer()
    optimiser = kind([module.get_parameter(name) for name in TABLES], in_backward=in_backward)
    train(module, optimiser, range(1))
    module.double()
    before = bits(module), copy.deepcopy(optimiser.state_dict()["state"])
    message = (
        rf"^the state '{state}' of {kind.__name__} must be torch.float64 on cpu for a parameter of torch.float64, got "
        r"torch.float32 on cpu; convert or move the module before you make the optimiser$"
    )
    with pytest.raises(InputError, match=message):
        train(module, optimiser, range(1, 2))
    assert bits(module) == before[0]
    after = optimiser.state_dict()["state"]
    for number, wanted in before[1].items():
        assert all(torch.equal(after[number][name], value) for name, value in wanted.items())
