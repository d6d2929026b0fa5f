"""``torch.compile`` of the whole layer: one graph for every number of tokens, with the bits of the layer itself."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch

from peerspec.backends.torch import PEER, RowSGD, optim
from peerspec.backends.torch.kernels import library_operations
from peerspec.reference import InputError, PeerConfig

# Torch's tracer warns of what it does itself.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning", "ignore:The .grad attribute of a Tensor:UserWarning"
)
PLAIN = PeerConfig(12, 2, 100, 3, 6, d_out=7)
FULL = PeerConfig(
    12, 2, 100, 3, 6, expert="glu", query_bias=True, query_norm="batch", key_heads=2, gate="sigmoid", activation="silu"
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.fixture(params=["core", "library"])
def path(request: pytest.FixtureRequest) -> Iterator[None]:
    with library_operations() if request.param == "library" else nullcontext():
        yield


def pair(config: PeerConfig, dtype: torch.dtype = torch.float32) -> tuple[PEER, PEER]:
    """Two layers of the same parameters, the second compiled."""
    module, compiled = PEER(config, dtype=dtype), PEER(config, dtype=dtype)
    compiled.load_state_dict(module.state_dict())
    compiled.compile(fullgraph=True, backend="aot_eager", dynamic=True)
    return module, compiled


def assert_same_step(module: PEER, compiled: PEER, x: torch.Tensor) -> None:
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, compiled_y = module(ours), compiled(theirs)
    assert torch.equal(compiled_y, y)
    module.zero_grad()
    compiled.zero_grad()
    y.square().sum().backward()
    compiled_y.square().sum().backward()
    assert ours.grad is not None
    assert ours.grad.any()
    assert torch.equal(theirs.grad, ours.grad)
    for name, parameter in compiled.named_parameters():
        assert torch.equal(parameter.grad, module.get_parameter(name).grad)
    for name, buffer in compiled.named_buffers():
        assert torch.equal(buffer, module.get_buffer(name))


@pytest.mark.stack("torch", "`torch.compile`", "`fullgraph=True`, any number of tokens, training")
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(("config", "dtype"), [(PLAIN, torch.bfloat16), (FULL, torch.float32)])
def test_one_graph_gives_output_gradients_and_statistics_of_the_layer_for_every_number_of_tokens(config, dtype):
    module, compiled = pair(config, dtype)
    assert_same_step(module, compiled, torch.randn(5, 12, dtype=dtype))
    with torch.compiler.set_stance("fail_on_recompile"):
        for count in (9, 64):
            assert_same_step(module, compiled, torch.randn(count, 12, dtype=dtype))


@pytest.mark.usefixtures("path")
def test_scores_that_tie_fall_as_in_the_layer_itself_with_the_same_gradients():
    module, compiled = pair(PLAIN)
    with torch.no_grad():
        for each in (module, compiled):
            each.keys.sign_()
            each.get_parameter("query.weight").sign_()
    x = torch.randn(64, 12).sign()
    scores = module.forward_with_routing(x).scores
    assert (scores[..., 1:] == scores[..., :-1]).any()
    assert_same_step(module, compiled, x)


@pytest.mark.usefixtures("path")
def test_evaluation_compiles_to_the_bits_of_the_layer():
    module, compiled = pair(PLAIN)
    with torch.no_grad():
        for lead in ((5,), (2, 3)):
            x = torch.randn(*lead, 12)
            assert torch.equal(compiled(x), module(x))


def test_autocast_around_a_compiled_layer_changes_no_bit():
    module, compiled = pair(PLAIN)
    narrow = torch.randn(5, 12).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        got = compiled(narrow)
    assert torch.equal(got, module(narrow))
    assert got.dtype == torch.bfloat16


@pytest.mark.stack("torch", "`torch.compile`", "sparse gradients", refused=True)
def test_sparse_gradients_of_a_compiled_layer_are_refused():
    module = PEER(PLAIN, sparse_gradients=True)
    module.compile(backend="aot_eager")
    y = module(torch.randn(5, 12))
    with pytest.raises(InputError, match="compiled layer cannot give sparse gradients"):
        y.sum().backward()
    assert module.get_parameter("experts.u").grad is None


@pytest.mark.stack("torch", "`torch.compile`", "updates within the backward pass", refused=True)
@pytest.mark.parametrize("before", [True, False])
def test_an_update_within_the_backward_pass_of_a_compiled_layer_is_refused(before):
    module = PEER(PLAIN)
    module.compile(backend="aot_eager")
    if not before:
        module(torch.randn(5, 12)).sum().backward()
        module.zero_grad()
    optimiser = RowSGD(module.parameters(), lr=0.1, in_backward=True)
    table = module.get_parameter("experts.u").detach().clone()
    y = module(torch.randn(5, 12))
    with pytest.raises(optim.UpdateError, match="compiled layer cannot be updated within the backward pass"):
        y.sum().backward()
    optimiser.step()
    assert torch.equal(module.get_parameter("experts.u"), table)
