"""Usage of a module: the figures of the reference for all its routings together, and no forward pass of its own."""

from __future__ import annotations

import copy
import gc
import io
import math
import weakref
from functools import partial

import numpy as np
import pytest
import torch
from in_processes import in_processes
from support.usage import unevenness_bound
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

import peerspec.export.torch
from peerspec import native
from peerspec.backends.torch import PEER, Usage, UsageSums
from peerspec.backends.torch.kernels import library_operations
from peerspec.reference import InputError, PeerConfig, expert_usage, unevenness

CONFIG = PeerConfig(d_model=8, heads=2, num_experts=49, top_k=4, d_key=4)
PAIRS = CONFIG.heads * CONFIG.top_k
FULL = PeerConfig(8, 2, 49, 4, 4, query_norm="batch", gate="sigmoid", key_heads=2, query_bias=True)


def tokens(*lead: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*lead, CONFIG.d_model, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def layer_of(config: PeerConfig = CONFIG, **options) -> PEER:
    torch.manual_seed(0)
    return PEER(config, **options)


def assert_figures(usage: UsageSums, ids: np.ndarray, gates: np.ndarray) -> None:
    """The counts exactly, the sums of gates within twice their error, and both figures."""
    count = usage.num_experts
    counts = np.bincount(ids.ravel(), minlength=count)
    assert usage.counts.tolist() == counts.tolist()
    sums = np.bincount(ids.ravel(), gates.ravel().astype(np.float64), count)
    assert (abs(usage.gate_sums.numpy() - sums) <= 2 * counts * 2.0**-53 * sums).all()
    assert usage.usage() == expert_usage(ids, count)
    assert abs(usage.unevenness() - unevenness(ids, gates, count)) <= unevenness_bound(counts)


@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize(
    ("config", "dtype"),
    [(CONFIG, torch.float32), (FULL, torch.float32), (CONFIG, torch.float64), (FULL, torch.bfloat16)],
)
def test_the_figures_are_those_of_all_routings_together(config, dtype, learns):
    layer = layer_of(config, dtype=dtype)
    usage, found = Usage(layer), []
    with torch.set_grad_enabled(learns):
        for step, lead in enumerate(((5,), (2, 3), (0,), (40,))):
            x = tokens(*lead, seed=step, dtype=dtype)
            if len(x) or config is CONFIG:
                found.append(layer.forward_with_routing(x))
                layer.training = not layer.training
    ids, gates = (torch.cat([getattr(out, name).reshape(-1, 2, 4) for out in found]) for name in ("indices", "gates"))
    assert_figures(usage, ids.numpy(), gates.detach().numpy())
    assert 0 < usage.usage() < 1


def test_the_output_and_the_gradients_keep_their_bits():
    observed, alone = layer_of(), layer_of()
    Usage(observed)
    for layer in (observed, alone):
        layer(tokens(9)).square().sum().backward()
    assert torch.equal(observed(tokens(9)), alone(tokens(9)))
    for ours, theirs in zip(observed.parameters(), alone.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_without_tokens_nothing_is_used_and_unevenness_is_nan():
    usage = Usage(layer_of())
    assert usage.usage() == 0
    assert math.isnan(usage.unevenness())


def test_unevenness_is_nan_where_a_sum_is_and_usage_is_not():
    layer = layer_of()
    usage = Usage(layer)
    x = tokens(3)
    x[1] = math.nan
    layer(x)
    assert int(usage.counts.sum()) == 3 * PAIRS
    assert math.isnan(usage.unevenness())
    usage.reset()
    layer(tokens(3))
    assert 0 < usage.unevenness() < math.log(49)


def test_all_tokens_are_added_whatever_the_mask_or_only_those_that_count():
    layer = layer_of(FULL)
    every, counted, mask = Usage(layer), Usage(layer, tokens="counted"), torch.tensor([True, False, True])
    x = tokens(3)
    x[1] = math.nan  # what does not count must not reach the sums either
    with torch.no_grad():
        out = layer.forward_with_routing(x, mask)
    assert int(every.counts.sum()) == 3 * PAIRS
    assert_figures(counted, out.indices[mask].numpy(), out.gates[mask].numpy())
    with torch.no_grad():
        layer(tokens(5))  # without a mask all count
    assert int(counted.counts.sum()) == 7 * PAIRS


@pytest.mark.parametrize(("mode", "times"), [("any", 2), ("training", 1), ("evaluation", 1)])
def test_only_passes_of_the_mode_are_observed(mode, times):
    layer = layer_of()
    usage = Usage(layer, mode=mode)
    for training in (True, False):
        layer.train(training)(tokens(3))
    assert int(usage.counts.sum()) == times * 3 * PAIRS


def test_a_layer_has_several_observers_and_none_after_detach():
    layer = layer_of()
    whole, part = Usage(layer), Usage(layer)
    layer(tokens(3))
    part.reset()
    layer(tokens(2))
    part.detach()
    layer(tokens(1))
    assert [int(each.counts.sum()) for each in (whole, part)] == [6 * PAIRS, 2 * PAIRS]


def test_every_layer_of_a_model_is_observed_by_its_name():
    shared = layer_of()
    model = nn.ModuleDict({"first": layer_of(), "block": nn.Sequential(shared, nn.LayerNorm(8), shared)})
    usages = Usage.of_model(model)
    model["block"](tokens(3))
    assert {name: int(usage.counts.sum()) for name, usage in usages.items()} == {"first": 0, "block.0": 6 * PAIRS}


def test_an_observed_routing_keeps_no_graph():
    layer = layer_of()
    usage, x = Usage(layer), tokens(3).requires_grad_()
    between = x * 1  # the graph of the routing keeps it
    out = layer.forward_with_routing(between)
    seen = weakref.ref(between)
    del between
    assert seen() is not None
    assert not usage.sums.requires_grad
    del out
    gc.collect()
    assert seen() is None


@pytest.mark.stack("torch", "activation checkpointing", "with `Usage`: a repeated forward pass counts once")
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_pass_that_a_checkpoint_repeats_counts_once(reentrant):
    layer = layer_of()
    usage = Usage(layer)
    checkpoint(layer, tokens(3).requires_grad_(), use_reentrant=reentrant).sum().backward()
    assert int(usage.counts.sum()) == 3 * PAIRS
    assert layer.keys.grad is not None


def test_a_selective_checkpoint_counts_once():
    layer = layer_of()
    usage = Usage(layer)
    save = partial(create_selective_checkpoint_contexts, lambda *_, **__: CheckpointPolicy.MUST_SAVE)
    x = tokens(3).requires_grad_()
    checkpoint(layer, x, use_reentrant=False, context_fn=save).sum().backward()
    assert int(usage.counts.sum()) == 3 * PAIRS


COMPILER_WARNS = pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning", "ignore:The .grad attribute of a Tensor:UserWarning"
)


@COMPILER_WARNS
@pytest.mark.stack("torch", "`torch.compile`", "with `Usage`, `fullgraph=True`, also around and within a checkpoint")
@pytest.mark.parametrize("place", ["none", "within", "around"])
def test_a_compiled_layer_counts_every_pass_once(place):
    torch.compiler.reset()
    layer = layer_of()
    usage = Usage(layer)
    run = partial(checkpoint, layer, use_reentrant=False) if place == "within" else layer
    compiled = torch.compile(run, backend="aot_eager", fullgraph=True)
    if place == "around":
        compiled = partial(checkpoint, compiled, use_reentrant=False)
    for count in (3, 5, 7):
        compiled(tokens(count)).sum().backward()
    assert int(usage.counts.sum()) == 15 * PAIRS
    torch.compiler.reset()


@COMPILER_WARNS
def test_a_layer_that_was_compiled_before_is_observed_from_then_on():
    torch.compiler.reset()
    layer = layer_of()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    compiled(tokens(3))
    usage = Usage(layer, tokens="counted")
    compiled(tokens(3), torch.tensor([True, False, True]))
    usage.detach()
    compiled(tokens(3))
    assert int(usage.counts.sum()) == 2 * PAIRS
    torch.compiler.reset()


@pytest.mark.parametrize(
    "transform", [torch.func.vmap, lambda f: torch.func.vmap(torch.func.grad(lambda x: f(x).sum()))]
)
def test_functional_transforms_count_every_token(transform):
    layer = layer_of()
    usage = Usage(layer)
    transform(layer)(tokens(3, 5))
    assert int(usage.counts.sum()) == 15 * PAIRS


def test_vmap_over_masks_counts_what_each_keeps():
    usage = UsageSums(9)
    ids, gates = torch.tensor([[[0, 1]], [[2, 3]]]), torch.ones(2, 1, 2)
    masks = torch.tensor([[True, True], [False, True], [False, False]])
    torch.func.vmap(lambda mask: usage.add(ids, gates, mask) or mask)(masks)
    assert usage.counts.tolist() == [1, 1, 2, 2, 0, 0, 0, 0, 0]
    assert torch.equal(usage.gate_sums, usage.counts.double())


def test_autocast_and_inference_mode_count():
    layer = layer_of()
    with torch.inference_mode():
        usage = Usage(layer)
        layer(tokens(2))
    with torch.autocast("cpu", torch.bfloat16):
        layer(tokens(3).bfloat16()).float().sum().backward()
    assert int(usage.counts.sum()) == 5 * PAIRS


def test_copies_of_a_layer_are_not_observed():
    layer = layer_of()
    usage = Usage(layer)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for other in (copy.deepcopy(layer), copy.copy(layer), torch.load(file, weights_only=False)):
        other(tokens(3))
    assert not usage.counts.any()
    layer(tokens(3))
    assert usage.counts.any()
    assert list(layer.state_dict()) == list(layer_of().state_dict())


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit:DeprecationWarning")
def test_programs_written_for_other_runtimes_do_not_count(tmp_path):
    layer = layer_of().eval()
    usage, x = Usage(layer), tokens(3)
    program = torch.export.export(layer, (x,))
    peerspec.export.torch.export(layer, (x,), tmp_path / "layer.onnx")
    traced = torch.jit.trace(layer, x, check_trace=False)
    assert torch.equal(traced(x), program.module()(x))
    assert not usage.counts.any()


def test_nothing_is_counted_on_the_device_meta_and_sums_follow_the_layer():
    layer = PEER(CONFIG, device="meta")
    usage = Usage(layer)
    layer(torch.empty(3, 8, device="meta"))
    with pytest.raises(InputError, match="device meta has no usage"):
        usage.usage()
    layer.to_empty(device="cpu").reset_parameters()
    layer(tokens(3))
    assert int(usage.counts.sum()) == 3 * PAIRS


def test_sums_lie_on_the_cpu_where_the_device_has_no_float64(monkeypatch):
    """No such device is here; the meta device stands for it, and ids and gates are then copied."""
    monkeypatch.setattr("peerspec.backends.torch.usage_sums.NO_FLOAT64", ("meta",))
    usage = Usage(PEER(CONFIG, device="meta"))
    assert usage.sums.device.type == "cpu"


def test_a_state_is_restored_exactly_also_with_a_history():
    layer = layer_of()
    first, second = Usage(layer, history=3), Usage(layer, history=3)
    second.detach()
    for step in range(5):
        layer(tokens(3, seed=step))
        first.record(step)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    assert torch.equal(second.sums, first.sums)
    assert np.array_equal(second.history.rows(), first.history.rows())
    assert first.history.rows()[:, 0].tolist() == [0, 2, 4]
    with pytest.raises(InputError, match=r"has history torch.float64 \[3, 3\], .*, got nothing; load it where"):
        second.load_state_dict({})


def test_the_history_holds_the_figures_of_the_time():
    layer = layer_of()
    usage = Usage(layer, history=2)
    layer(tokens(3))
    usage.record(7)
    assert usage.history.rows().tolist() == [[7, usage.usage(), usage.unevenness()]]
    usage.reset()
    assert len(usage.history.rows()) == 1


def test_merged_sums_are_those_of_both():
    first, second, both = UsageSums(9), UsageSums(9), UsageSums(9)
    for seed, usage in enumerate((first, second)):
        draws = torch.Generator().manual_seed(seed)
        routing = (
            torch.randint(9, (5, 2, 3), generator=draws),
            torch.rand(5, 2, 3, generator=draws, dtype=torch.float64),
        )
        usage.add(*routing)
        both.add(*routing)
    first.merge(second)
    assert torch.equal(first.counts, both.counts)
    assert torch.allclose(first.gate_sums, both.gate_sums, rtol=2 * 10 * 2.0**-53, atol=0)
    with pytest.raises(InputError, match="got 4 beside 9 experts; merge those of one layer"):
        first.merge(UsageSums(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Usage(nn.Linear(8, 8)), "usage is that of a PEER layer, got Linear; for a model, call of_model"),
        (lambda: Usage.of_model(nn.Linear(8, 8)), "usage is that of PEER layers, and this Linear has none"),
        (lambda: Usage(layer_of(), tokens="some"), "tokens must be one of all, counted, got 'some'"),
        (lambda: Usage(layer_of(), mode="eval"), "mode must be one of any, training, evaluation, got 'eval'"),
        (lambda: Usage(layer_of(), history=1), "at least 2 rows, got 1"),
        (lambda: Usage(layer_of()).record(0), "has no history; give the number of its rows"),
        (lambda: Usage(layer_of()).all_reduced(), "call torch.distributed.init_process_group first"),
    ],
)
def test_what_cannot_be_observed_is_refused_in_one_sentence(make, message):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def trained_in_processes(rank: int, kind: str) -> dict[str, Tensor]:
    """The ids and gates of one process, and the sums of all, which it asks for twice."""
    layer = layer_of()
    model = nn.Sequential(nn.Linear(8, 8), layer)
    if kind == "fsdp":
        fully_shard(layer, mesh=init_device_mesh("cpu", (2,)))
    usage = Usage.of_model(DistributedDataParallel(model) if kind == "ddp" else model).popitem()[1]
    replica = DistributedDataParallel(model) if kind == "ddp" else model
    seen = []
    layer._observers += (lambda output, _: seen.append(output),)
    for step in range(2):
        replica(tokens(4, seed=10 * step + rank)).square().mean().backward()
    usage.all_reduced()
    return {
        "ids": torch.cat([out.indices for out in seen]),
        "gates": torch.cat([out.gates.detach() for out in seen]),
        "own": usage.counts,
        "all": usage.all_reduced().sums,
    }


@pytest.mark.stack("torch", "`DistributedDataParallel`, `fully_shard`", "with `Usage`, added up over processes")
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_each_process_counts_its_own_tokens_and_together_they_count_all(kind):
    found = in_processes(2, trained_in_processes, kind)
    assert all(isinstance(each, dict) for each in found), found
    ids, gates = (torch.cat([each[name] for each in found]).numpy() for name in ("ids", "gates"))
    for each in found:
        assert each["own"].tolist() == torch.bincount(each["ids"].flatten(), minlength=49).tolist()
        whole = UsageSums(49)
        whole.load_state_dict({"sums": each["all"]})
        assert_figures(whole, ids, gates)


def test_tensorboard_reads_the_scalars_back(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    layer = layer_of()
    usage, written = Usage(layer), {}
    with SummaryWriter(tmp_path) as writer:
        for step in (1, 2):
            layer(tokens(3, seed=step))
            usage.write_scalars(writer, step, tag="block.1")
            written[step] = (usage.usage(), usage.unevenness())
    events = EventAccumulator(str(tmp_path)).Reload()
    for place, name in enumerate(("usage", "unevenness")):
        read = {event.step: event.value for event in events.Scalars(f"block.1/{name}")}
        assert read == {step: float(np.float32(figures[place])) for step, figures in written.items()}


@pytest.mark.skipif(not native.available(), reason=native.unavailable_reason())
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_core_and_library_operations_add_the_same_bits(dtype):
    generator = torch.Generator().manual_seed(3)
    indices = torch.randint(4099, (5, 60, 8, 16), generator=generator)
    gates, mask = torch.rand(indices.shape, generator=generator).to(dtype), torch.rand(5, 60, generator=generator) < 0.5
    core, library = UsageSums(4099), UsageSums(4099)
    for some in (None, mask):
        core.add(indices, gates, some)
        with library_operations():
            library.add(indices, gates, some)
        assert torch.equal(core.sums, library.sums)
