import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from peerspec.backends.onnxruntime import OrtModel, backend
from peerspec.backends.onnxruntime.session import OrtError, new_session
from peerspec.export import export
from peerspec.reference import DTYPES, InputError, Layer, PeerConfig, forward, select_exhaustive
from peerspec.reference.config import ACTIVATIONS


def _config(**options):
    return PeerConfig(**({"d_model": 5, "heads": 3, "num_experts": 49, "top_k": 6, "d_key": 8, "d_out": 4} | options))


def _tokens(layer, *lead, seed=0):
    return np.random.default_rng(seed).standard_normal((*lead, layer.config.d_model)).astype(layer.dtype)


def _bits(array):
    return np.ascontiguousarray(array).view(np.uint8)


def _integers(config, dtype):
    rng = np.random.default_rng(0)
    return Layer(config, {n: rng.integers(-1, 2, s).astype(dtype) for n, s in config.shapes().items()})


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("options", [{}, {"key_heads": 3}, {"query_bias": True, "expert": "glu"}], ids=str)
def test_small_integers_give_exactly_the_ids_scores_and_output_of_the_reference(dtype, options):
    layer = _integers(_config(activation="relu", top_k=1, **options), dtype)
    x = np.random.default_rng(1).integers(-2, 3, (2, 9, 5)).astype(dtype)
    out, expected = backend.forward(layer, x), forward(layer, x)
    np.testing.assert_array_equal(out.indices, expected.indices)
    np.testing.assert_array_equal(out.scores, expected.scores)
    np.testing.assert_array_equal(out.y.astype(float), expected.y.astype(dtype).astype(float))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("lead", [(), (0,), (1,), (2, 0), (2, 3, 4)])
def test_outputs_have_the_shapes_and_dtypes_of_the_contract(dtype, lead):
    layer = Layer.random(_config(activation="silu"), dtype=dtype)
    out = backend.forward(layer, _tokens(layer, *lead))
    compute_dtype = np.float64 if dtype == np.float64 else np.float32
    assert (out.y.shape, out.y.dtype) == ((*lead, 4), dtype)
    assert (out.scores.dtype, out.indices.dtype, out.gates.dtype) == (compute_dtype, np.int64, compute_dtype)
    assert out.scores.shape == out.indices.shape == out.gates.shape == (*lead, 3, 6)
    assert out.state is None


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("top_k", [1, 6])
@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_a_nan_token_has_nan_output_and_touches_no_other(dtype, activation, top_k, gate):
    config = _config(activation=activation, top_k=top_k, gate=gate)
    if backend.supports(config, dtype) is not True:
        assert (dtype, activation) == (np.float64, "gelu")
        return
    layer = Layer.random(config, dtype=dtype)
    x = _tokens(layer, 19)
    clean = backend.forward(layer, x)
    x[7, 2] = np.nan
    out = backend.forward(layer, x)
    assert np.isnan(out.y[7].astype(float)).all()
    others = np.arange(19) != 7
    for name in ("y", "scores", "indices", "gates"):
        np.testing.assert_array_equal(_bits(getattr(out, name)[others]), _bits(getattr(clean, name)[others]))
    assert ((out.indices >= 0) & (out.indices < config.num_experts)).all()


def test_gates_of_very_low_scores_keep_their_relative_precision_under_sigmoid():
    config = PeerConfig(1, 1, 1, 1, 2, gate="sigmoid", activation="identity")
    layer = Layer(config, {name: np.ones(shape, np.float32) for name, shape in config.shapes().items()})
    x = np.linspace(-40, 40, 101, dtype=np.float32)[:, None]
    gates = backend.forward(layer, x).gates.ravel().astype(np.float64)
    exact = 1 / (1 + np.exp(-2 * x.ravel().astype(np.float64)))
    # exp within 8 u (PRC-4), one sum, one quotient
    assert (np.abs(gates - exact) <= 2.0**-24 * (8 + 1 + 1 + 1) * exact).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("k", [1, 2, 5, 9, 40])
@pytest.mark.parametrize("lead", [(), (0,), (300,), (2, 3)])
def test_selection_is_exact_on_ties(dtype, k, lead):
    rng = np.random.default_rng(k)
    s1, s2 = (rng.integers(-2, 3, (*lead, 7)).astype(dtype) * dtype(1 / 3) for _ in range(2))
    s1[..., 0] = -0.0
    s2[..., -1] = -0.0
    found, expected = backend.select(s1, s2, k), select_exhaustive(s1, s2, k)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.scores, expected.scores)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.tuples(st.sampled_from([1, 2, 5, 33]), st.sampled_from([1, 2, 7, 16, 1000])).flatmap(
        lambda sizes: st.tuples(
            arrays.arrays(np.float32, (2, 3, sizes[0]), elements=st.sampled_from([-1.0, -0.0, 0.0, 2.0**-24, 1.0])),
            st.just(min(sizes[1], sizes[0] ** 2)),
        )
    )
)
def test_selection_is_exact_on_sums_that_round_together(case):
    (s1, s2), k = case
    found, expected = backend.select(s1, s2, k), select_exhaustive(s1, s2, k)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.scores, expected.scores)


@pytest.mark.parametrize(
    ("s1", "s2", "k", "message"),
    [
        (np.zeros(3, np.float32), np.zeros(4, np.float32), 1, "one shape"),
        (np.zeros(3, np.float32), np.zeros(3), 1, "one dtype"),
        (np.zeros(3, DTYPES["bfloat16"]), np.zeros(3, DTYPES["bfloat16"]), 1, "one dtype"),
        (np.zeros(3), np.zeros(3), 10, r"k must lie in 1\.\.N"),
    ],
)
def test_half_scores_that_do_not_fit_are_refused(s1, s2, k, message):
    with pytest.raises(InputError, match=message):
        backend.select(s1, s2, k)


def test_float64_gelu_is_refused_with_a_reason():
    layer = Layer.random(_config(activation="gelu"), dtype=np.float64)
    reason = backend.supports(layer.config, layer.dtype)
    assert isinstance(reason, str)
    assert "no float64 Erf" in reason
    with pytest.raises(OrtError, match="no float64 Erf"):
        backend.forward(layer, _tokens(layer, 2))
    assert backend.supports(layer.config, np.float32) is True


def test_the_reason_for_refusing_float64_gelu_still_stands(tmp_path):
    export(Layer.random(_config(activation="gelu"), dtype=np.float64), tmp_path / "layer.onnx")
    with pytest.raises(OrtError, match=r"refuses the model: .*Erf"):
        new_session(tmp_path / "layer.onnx", threads=1)


@pytest.mark.parametrize("query_norm", ["batch", "layer"])
def test_query_norms_run_as_inference_and_batch_statistics_are_refused(query_norm):
    layer = Layer.random(_config(query_norm=query_norm))
    x = _tokens(layer, 6)
    np.testing.assert_array_equal(backend.forward(layer, x).indices, forward(layer, x).indices)
    if query_norm == "batch":
        with pytest.raises(OrtError, match="no batch statistics"):
            backend.forward(layer, x, training=True)
    else:
        np.testing.assert_array_equal(backend.forward(layer, x, training=True).y, backend.forward(layer, x).y)
    assert "query-norm" not in backend.profiles


def test_inputs_are_checked_like_those_of_the_reference():
    layer = Layer.random(_config())
    with pytest.raises(InputError, match="SHP-1"):
        backend.forward(layer, np.zeros((2, 4), np.float32))
    with pytest.raises(InputError, match="PAR-5"):
        backend.forward(layer, np.zeros((2, 5)))
    with pytest.raises(InputError, match=r"x must be float32 for parameters of float32, got float16; convert it"):
        backend.forward(layer, np.zeros((2, 5), np.float16))
    with pytest.raises(InputError, match="SHP-2"):
        backend.forward(layer, _tokens(layer, 2), mask=np.ones(3, bool))


def test_inputs_may_be_read_only_and_strided_and_stay_as_they_are(tmp_path):
    Layer.random(_config()).save(tmp_path / "layer.safetensors")
    layer = Layer.load(tmp_path / "layer.safetensors")
    wide = _tokens(layer, 6, 2)
    x = wide[:, 1]
    x.flags.writeable = False
    before = wide.copy()
    np.testing.assert_array_equal(backend.forward(layer, x).y, backend.forward(layer, x.copy()).y)
    np.testing.assert_array_equal(wide, before)


def test_layers_of_one_configuration_do_not_share_parameters():
    first, second = (Layer.random(_config(), seed=seed) for seed in (1, 2))
    x = _tokens(first, 5)
    y = backend.forward(first, x).y
    assert (backend.forward(second, x).y != y).any()
    np.testing.assert_array_equal(backend.forward(first, x).y, y)


def test_the_same_inputs_give_the_same_bits_again_for_few_tokens_and_for_many():
    layer = Layer.random(_config(d_model=64, d_key=64, num_experts=1024))
    for count in (4, 2000):
        x = _tokens(layer, count)
        np.testing.assert_array_equal(backend.forward(layer, x).y, backend.forward(layer, x).y)


def test_without_onnx_runtime_the_import_says_what_to_install():
    block = "import sys; sys.modules['onnxruntime'] = None; import peerspec.backends.onnxruntime.backend"
    run = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert 'onnxruntime is not installed; install it with: pip install "peerspec[onnx]"' in run.stderr


@pytest.mark.parametrize("leading", [(), ("a",), ("a", "b"), ("a", "b", "c")])
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_an_exported_file_gives_what_the_backend_gives(tmp_path, leading, dtype):
    layer = _integers(_config(activation="relu", top_k=1), dtype)
    export(layer, tmp_path / "layer.onnx", leading=leading, external_threshold=700)
    model = OrtModel(tmp_path / "layer.onnx")
    for lead in [(), (0,), (3,), (2, 3), (1, 2, 3)]:
        x = np.random.default_rng(1).integers(-2, 3, (*lead, 5)).astype(dtype)
        got, expected = model.forward(layer, x), backend.forward(layer, x)
        for name in ("y", "scores", "indices", "gates"):
            assert getattr(got, name).dtype == getattr(expected, name).dtype
            np.testing.assert_array_equal(
                getattr(got, name).astype(float), getattr(expected, name).astype(float), strict=True
            )


def test_an_exported_file_runs_with_its_own_parameters_and_its_own_selection(tmp_path):
    config = _config(gate="sigmoid", expert="glu", query_bias=True, key_heads=3)
    layer, other = (Layer.random(config, seed=seed) for seed in (1, 2))
    export(layer, tmp_path / "layer.onnx", leading=("tokens",))
    model = OrtModel(tmp_path / "layer.onnx")
    x = _tokens(layer, 4)
    np.testing.assert_array_equal(model.forward(other, x).y, model.run(x).y)
    assert model.profiles == {"float32", "select", "sigmoid", "glu", "query-bias", "per-head-keys"}
    s1, s2 = np.random.default_rng(0).integers(-1, 2, (2, 4, 7)).astype(np.float32)
    np.testing.assert_array_equal(model.select(s1, s2, 5).indices, select_exhaustive(s1, s2, 5).indices)


def test_an_exported_file_without_routing_gives_y_alone(tmp_path):
    layer = Layer.random(_config())
    export(layer, tmp_path / "layer.onnx", routing=False)
    out = OrtModel(tmp_path / "layer.onnx").run(_tokens(layer, 2, 3))
    assert out.y.shape == (2, 3, 4)
    assert out.scores is out.indices is out.gates is None


def test_a_file_refuses_layers_of_another_configuration_or_precision(tmp_path):
    layer = Layer.random(_config())
    export(layer, tmp_path / "layer.onnx")
    model = OrtModel(tmp_path / "layer.onnx")
    for other in (Layer.random(_config(top_k=5)), Layer.random(_config(), dtype=np.float16)):
        assert model.supports(other.config, other.dtype) is not True
        with pytest.raises(OrtError, match="does not fit the model"):
            model.forward(other, _tokens(other, 2))


def test_tables_reach_onnx_runtime_without_a_copy():
    measure = """
import numpy as np
from peerspec.backends.onnxruntime import backend
from peerspec.reference import Layer, PeerConfig
import tempfile, pathlib

def anonymous():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return int(next(line for line in lines if line.startswith("Anonymous")).split()[1]) << 10

config = PeerConfig(512, 1, 128**2, 4, 8)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "layer.safetensors"
    Layer(config, {n: np.zeros(s, np.float32) for n, s in config.shapes().items()}).save(path)
    layer = Layer.load(path)
    before = anonymous()
    backend.forward(layer, np.zeros((4, 512), np.float32))
    print(anonymous() - before)
"""
    run = subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True)
    tables = 2 * 512 * 128**2 * 4
    assert int(run.stdout) < tables // 4
