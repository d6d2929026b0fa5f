"""EXP-1, EXP-2, OUT-1, IND-1, IND-3, NFT-1, NFT-2, PRC-4: the expert stage of the core."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from peerspec import native
from peerspec.conformance.bounds import stages
from peerspec.conformance.bounds.activation import EVALUATION
from peerspec.conformance.bounds.bounded import given
from peerspec.conformance.bounds.compare import deviation
from peerspec.conformance.bounds.model import model_for
from peerspec.reference import DTYPES, InputError, Layer, PeerConfig
from peerspec.reference.activations import activate
from peerspec.reference.config import ACTIVATIONS


def problem(
    dtype: str = "float32", *, expert: str = "mlp", activation: str = "gelu", tokens: int = 9, width: int = 37
) -> tuple[Layer, NDArray[Any], NDArray[np.int64], NDArray[Any]]:
    """A layer, x [T, D], ids and gates [T, h, k], the last three in the compute dtype."""
    config = PeerConfig(width, 3, 49, 7, 4, d_out=width + 5, expert=expert, activation=activation)
    layer = Layer.random(config, dtype=DTYPES[dtype])
    compute_dtype = np.float64 if dtype == "float64" else np.float32
    rng = np.random.default_rng(1)
    scale = np.array([0.1, 1, 30])[np.arange(tokens) % 3, None]  # σ near 0, around 1, and far from 0
    x = (rng.standard_normal((tokens, width)) * scale).astype(DTYPES[dtype]).astype(compute_dtype)
    ids = rng.integers(0, 49, (tokens, 3, 7))
    return layer, x, ids, rng.random((tokens, 3, 7)).astype(compute_dtype)


def tables(layer: Layer) -> native.ExpertTables:
    parts = {name[-1]: table for name, table in layer.params.items() if name.startswith("experts.")}
    return native.ExpertTables(**parts, activation=layer.config.activation)


def expert_stage(
    layer: Layer, x: NDArray[Any], ids: NDArray[np.int64], gates: NDArray[Any], **options: Any
) -> NDArray[Any]:
    flat = (len(x), 21)
    return native.expert_stage(tables(layer), x, ids.reshape(flat), gates.reshape(flat), **options)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("expert", ["mlp", "glu"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_y_lies_within_the_bound(isa: str, dtype: str, expert: str, activation: str) -> None:
    layer, x, ids, gates = problem(dtype, expert=expert, activation=activation)
    model = model_for(layer.dtype)
    weights = stages.pair_weights(model, model, layer, x.astype(np.float64), ids)
    want = stages.output(model, layer, weights, given(gates), ids)
    worst = deviation(expert_stage(layer, x, ids, gates, isa=isa).astype(layer.dtype), want)
    assert worst is not None
    assert worst.holds, worst


def test_gelu_is_within_half_of_its_bound_also_where_its_approximations_meet(isa: str) -> None:
    joints = np.array([1, 3.9]) * np.sqrt(2)  # erf is approximated in pieces, which meet here
    near = np.linspace(-1e-4, 1e-4, 401)
    a = np.concatenate(
        [np.linspace(-9, 9, 40001), *(s * (j + near) for j in joints for s in (-1, 1)), 10.0 ** -np.arange(37)]
    )
    a = a.astype(np.float32)[:, None]
    one = np.ones((1, 1), np.float32)
    got = native.expert_stage(native.ExpertTables(one, one), a, np.zeros(a.shape, np.int64), np.ones_like(a), isa=isa)
    want = activate("gelu", a.astype(np.float64))
    tiny = np.finfo(np.float32).tiny
    assert (np.abs(got - want) <= EVALUATION["gelu"] / 2 * 2.0**-24 * np.abs(a) + tiny).all()  # half of what is allowed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("expert", ["mlp", "glu"])
def test_a_token_has_the_same_bits_in_every_batch_and_on_any_number_of_threads(
    isa: str, dtype: str, expert: str
) -> None:
    layer, x, ids, gates = problem(dtype, expert=expert, tokens=33)
    whole = expert_stage(layer, x, ids, gates, isa=isa, threads=1)
    for threads in (2, 3):
        assert expert_stage(layer, x, ids, gates, isa=isa, threads=threads).tobytes() == whole.tobytes()
    for size in (1, 2, 5):
        parts = [slice(start, start + size) for start in range(0, 33, size)]
        split = [expert_stage(layer, x[part], ids[part], gates[part], isa=isa) for part in parts]
        assert np.concatenate(split).tobytes() == whole.tobytes()


def test_avx2_and_avx512_give_the_same_bits() -> None:
    if native.best_isa() != "avx512":
        pytest.skip(f"this processor has no AVX-512, its best instruction set is {native.best_isa()}")
    layer, x, ids, gates = problem()
    two, five = (expert_stage(layer, x, ids, gates, isa=isa) for isa in ("avx2", "avx512"))
    assert two.tobytes() == five.tobytes()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("expert", ["mlp", "glu"])
def test_a_nan_fills_its_own_token_and_no_other(isa: str, expert: str, activation: str) -> None:
    layer, x, ids, gates = problem(expert=expert, activation=activation)
    clean = expert_stage(layer, x, ids, gates, isa=isa)
    x[4, 36], x[6, 0] = np.nan, np.inf
    dirty = expert_stage(layer, x, ids, gates, isa=isa)
    assert np.isnan(dirty[4]).all()
    others = np.delete(np.arange(9), [4, 6])
    assert dirty[others].tobytes() == clean[others].tobytes()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_number_of_a_narrow_dtype_is_widened_exactly(isa: str, dtype: str) -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(DTYPES[dtype])[None]
    one = np.ones((1, 1), np.float32)
    got = native.gather_sum(every, np.zeros((1, 1), np.int64), one, isa=isa)
    np.testing.assert_array_equal(got, every.astype(np.float32))


def test_read_only_tables_work_and_inputs_stay() -> None:
    layer, x, ids, gates = problem()
    before = [array.copy() for array in (x, ids, gates)]
    want = expert_stage(layer, x, ids, gates)
    for array in (x, ids, gates, *layer.params.values()):
        array.flags.writeable = False
    assert expert_stage(layer, x, ids, gates).tobytes() == want.tobytes()
    for array, old in zip((x, ids, gates), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_an_empty_batch_gives_an_empty_result() -> None:
    layer, x, ids, gates = problem()
    assert expert_stage(layer, x[:0], ids[:0], gates[:0]).shape == (0, 42)


@pytest.mark.parametrize("wrong", [-1, 49, 2**40])
def test_an_id_outside_the_table_is_an_error(wrong: int) -> None:
    layer, x, ids, gates = problem()
    ids[8, 2, 6] = wrong
    with pytest.raises(native.NativeError, match=r"lies outside 0\.\.N-1"):
        expert_stage(layer, x, ids, gates)


def test_arrays_that_do_not_fit_are_errors() -> None:
    layer, x, ids, gates = problem()
    with pytest.raises(InputError, match="x must be float32 of shape"):
        expert_stage(layer, x.astype(np.float64), ids, gates)
    with pytest.raises(InputError, match="ids must be int64 of shape"):
        expert_stage(layer, x, ids.astype(np.int32), gates)
    with pytest.raises(InputError, match="C-contiguous"):
        native.ExpertTables(np.zeros((4, 6), np.float32)[:, ::2], np.zeros((4, 3), np.float32))
    with pytest.raises(InputError, match="v must be float32"):
        native.ExpertTables(np.zeros((4, 6), np.float32), np.zeros((4, 3)))
    with pytest.raises(InputError, match="threads must be at least 1"):
        expert_stage(layer, x, ids, gates, threads=0)
    with pytest.raises(native.NativeError, match="isa must be one of"):
        expert_stage(layer, x, ids, gates, isa="mmx")


def int8_tables(expert: str, activation: str = "gelu") -> tuple[native.ExpertTables, Layer]:
    """Rows of all int8 numbers with random scales, and the float32 layer of their rounded products."""
    layer, *_ = problem(expert=expert, activation=activation)
    rng = np.random.default_rng(2)
    names = [name for name in layer.params if name.startswith("experts.")]
    rows = {name: rng.integers(-128, 128, layer.params[name].shape, np.int8) for name in names}
    scales = {name: (rng.random(49) / 100).astype(np.float32) for name in names}
    wide = {name: rows[name] * scales[name][:, None] for name in names}
    parts = {name[-1]: table for name, table in rows.items()}
    given_scales = {name[-1]: scale for name, scale in scales.items()}
    return native.ExpertTables(**parts, activation=activation, scales=given_scales), Layer(
        layer.config, {**layer.params, **wide}
    )


@pytest.mark.parametrize("expert", ["mlp", "glu"])
def test_int8_rows_with_scales_have_the_bits_of_equal_float32_rows(isa: str, expert: str) -> None:
    _, x, ids, gates = problem(expert=expert)
    narrow, layer = int8_tables(expert)
    flat = (len(x), 21)
    got = native.expert_stage(narrow, x, ids.reshape(flat), gates.reshape(flat), isa=isa)
    assert got.tobytes() == expert_stage(layer, x, ids, gates, isa=isa).tobytes()


def test_int8_tables_need_scales_and_have_no_gradients() -> None:
    narrow, layer = int8_tables("mlp")
    with pytest.raises(InputError, match=r"int8 take scales of \['u', 'v'\], got those of \['u'\]"):
        native.ExpertTables(narrow.u, narrow.v, scales={"u": narrow.scales["u"]})
    with pytest.raises(InputError, match=r"float32 take scales of \[\], got those of \['u', 'v'\]"):
        native.ExpertTables(layer.params["experts.u"], layer.params["experts.v"], scales=narrow.scales)
    with pytest.raises(InputError, match="the scales of v must be float32"):
        native.ExpertTables(narrow.u, narrow.v, scales=dict(narrow.scales) | {"v": narrow.scales["v"][:3]})
    x, ids = np.zeros((1, 37), np.float32), np.zeros((1, 2), np.int64)
    with pytest.raises(InputError, match="int8 tables are for inference"):
        native.expert_stage_backward(narrow, x, ids, np.zeros((1, 2), np.float32), np.zeros((1, 42), np.float32))
