"""QRY-1, SCO-1, GAT-1, IND-1, IND-3: the stages before the experts, and the whole layer in one call."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from peerspec import native
from peerspec.backends.native.stages import expert_tables, router_tables
from peerspec.conformance import check_backend
from peerspec.reference import DTYPES, InputError, Layer, PeerConfig

TOKENS = 150  # a last panel that is not full, and more than one turn for each of three threads


def problem(dtype: str = "float32", **options: Any) -> tuple[Layer, NDArray[Any]]:
    """A layer whose sizes are not multiples of a register, and x in its compute dtype."""
    layer = Layer.random(PeerConfig(37, 3, 21**2, 7, 10, d_out=42, **options), dtype=DTYPES[dtype])
    compute_dtype = np.float64 if dtype == "float64" else np.float32
    return layer, np.random.default_rng(1).standard_normal((TOKENS, 37)).astype(DTYPES[dtype]).astype(compute_dtype)


def in_one_call(layer: Layer, x: NDArray[Any], **options: Any) -> native.LayerOutput:
    return native.forward(router_tables(layer), expert_tables(layer), x, **options)


def in_stages(layer: Layer, x: NDArray[Any], **options: Any) -> native.LayerOutput:
    return stages(router_tables(layer), expert_tables(layer), x, **options)


def stages(
    router: native.RouterTables, experts: native.ExpertTables, x: NDArray[Any], **options: Any
) -> native.LayerOutput:
    scores, ids = native.retrieve(router, native.query(router, x, **options), **options)
    gates, pairs = native.gates(router.gate, scores, **options), (len(x), 21)
    y = native.expert_stage(experts, x, ids.reshape(pairs), gates.reshape(pairs), **options)
    return native.LayerOutput(y, scores, ids, gates)


def bits(found: native.LayerOutput) -> list[bytes]:
    return [array.tobytes() for array in found]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options", [{}, {"expert": "glu", "gate": "sigmoid"}, {"query_bias": True, "key_heads": 3}], ids=str
)
def test_the_layer_in_one_call_has_the_bits_of_its_stages_on_any_number_of_threads(
    isa: str, dtype: str, options: dict[str, Any]
) -> None:
    layer, x = problem(dtype, **options)
    want = bits(in_stages(layer, x, isa=isa, threads=1))
    for threads in (1, 2, 3, 40):
        assert bits(in_one_call(layer, x, isa=isa, threads=threads)) == want
        assert bits(in_stages(layer, x, isa=isa, threads=threads)) == want


def experts_in(dtype: str) -> native.ExpertTables:
    if dtype != "int8":
        return expert_tables(problem(dtype)[0])
    rng = np.random.default_rng(2)
    u, v = (rng.integers(-127, 128, (441, width), np.int8) for width in (37, 42))
    return native.ExpertTables(u, v, scales={name: rng.random(441, np.float32) for name in "uv"})


@pytest.mark.parametrize("router", ["float32", "float16"])
@pytest.mark.parametrize("rows", ["float32", "bfloat16", "float16", "int8"])
def test_experts_may_have_another_dtype_than_the_router(isa: str, router: str, rows: str) -> None:
    layer, x = problem(router)
    tables, experts = router_tables(layer), experts_in(rows)
    want = bits(stages(tables, experts, x, isa=isa, threads=1))
    for threads in (1, 3, 40):
        assert bits(native.forward(tables, experts, x, isa=isa, threads=threads)) == want


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 64])
def test_a_token_has_the_same_bits_in_every_batch(isa: str, size: int) -> None:
    layer, x = problem()
    whole = in_one_call(layer, x, isa=isa)
    parts = [in_one_call(layer, x[start : start + size], isa=isa, threads=2) for start in range(0, TOKENS, size)]
    for name, array in whole._asdict().items():
        assert np.concatenate([getattr(part, name) for part in parts]).tobytes() == array.tobytes()


def test_avx2_and_avx512_give_the_same_bits() -> None:
    if native.best_isa() != "avx512":
        pytest.skip(f"this processor has no AVX-512, its best instruction set is {native.best_isa()}")
    layer, x = problem()
    assert bits(in_one_call(layer, x, isa="avx2")) == bits(in_one_call(layer, x, isa="avx512"))


def test_a_query_longer_than_a_tile_is_summed_in_one_order(isa: str) -> None:
    layer = Layer.random(PeerConfig(1000, 2, 9, 2, 6))
    x = np.random.default_rng(0).standard_normal((17, 1000)).astype(np.float32)
    q = native.query(router_tables(layer), x, isa=isa)
    want = np.einsum("hcd,td->thc", layer.params["query.weight"].astype(np.float64), x)
    size = np.einsum("hcd,td->thc", np.abs(layer.params["query.weight"]).astype(np.float64), np.abs(x))
    assert (np.abs(q - want) <= 1001 * 2.0**-24 * size).all()  # γ_m Σ|a||b| (PRC-4)


def test_a_nan_fills_its_own_token_and_no_other(isa: str) -> None:
    layer, x = problem()
    clean = in_one_call(layer, x, isa=isa)
    x[4, 36], x[77, 0] = np.nan, np.inf
    dirty = in_one_call(layer, x, isa=isa)
    assert np.isnan(dirty.y[4]).all()
    assert dirty.ids.min() >= 0
    assert dirty.ids.max() < 21**2
    others = np.delete(np.arange(TOKENS), [4, 77])
    assert dirty.y[others].tobytes() == clean.y[others].tobytes()


def test_an_empty_batch_gives_an_empty_result() -> None:
    layer, x = problem()
    assert [array.shape for array in in_one_call(layer, x[:0])] == [(0, 42), (0, 3, 7), (0, 3, 7), (0, 3, 7)]


def test_the_suite_finds_nothing() -> None:
    report = check_backend("peerspec.backends.native.backend", size="minimal")
    assert str(report.verdict) == "conformant", report.findings


def test_tables_that_do_not_fit_are_errors() -> None:
    layer, x = problem()
    router, keys = router_tables(layer), layer.params["keys"]
    with pytest.raises(InputError, match="x must be float32 of shape"):
        native.query(router, x[:, 1:])
    with pytest.raises(InputError, match=r"keys must be \[1 or 3, 2, n, d/2\]"):
        native.RouterTables(router.weight, np.repeat(keys, 2, 0), 7)
    with pytest.raises(InputError, match="C-contiguous"):
        native.RouterTables(router.weight[..., ::2], keys, 7)
    apart = np.frombuffer(b"\0" + router.weight.tobytes(), np.uint8)[1:].view(np.float32).reshape(router.weight.shape)
    with pytest.raises(InputError, match="must lie at a multiple of 4 bytes; pass a copy"):
        native.RouterTables(apart, keys, 7)
    with pytest.raises(InputError, match=r"k must lie in 1\.\.N = 1\.\.441, got 442"):
        native.RouterTables(router.weight, keys, 442)
    with pytest.raises(InputError, match="gate must be one of"):
        native.RouterTables(router.weight, keys, 7, gate="tanh")
    other = Layer.random(PeerConfig(37, 3, 4, 1, 10, d_out=42))
    with pytest.raises(InputError, match=r"u with these sub-keys must be of shape \[441, 37\]"):
        native.forward(router, expert_tables(other), x)
    with pytest.raises(InputError, match=r"compute dtype float32, got float64 of shape \[441, 37\]"):
        native.forward(router, experts_in("float64"), x)
