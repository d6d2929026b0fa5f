"""Layers: the parameters that PAR-1, PAR-3, PAR-5 refuse, and the error messages."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from peerspec.reference import DTYPES, Layer, PeerConfig, TableError, forward, parameter_dtype
from peerspec.reference.config import STATISTICS

CONFIG = PeerConfig(d_model=5, heads=3, num_experts=16, top_k=6, d_key=8, query_norm="batch")


def params(**change: Any) -> dict[str, Any]:
    return dict(Layer.random(CONFIG).params) | {name.replace("__", "."): a for name, a in change.items()}


def with_entry(shape: tuple[int, ...], value: float) -> Any:
    array = np.zeros(shape, np.float32)
    array.flat[-1] = value
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": np.zeros((1, 2, 4, 5), np.float32)}, r"keys must have shape \(1, 2, 4, 4\) .*, got \(1, 2, 4, 5\)"),
        ({"bias": np.zeros(3, np.float32)}, "'bias' is not a parameter of this configuration; it has query.weight, "),
        ({"experts__w": np.zeros((16, 5), np.float32)}, "'experts.w' is not a parameter"),
        (
            {"keys": np.zeros((1, 2, 4, 4))},
            "learned parameters share one dtype, but keys is float64 and query.weight is ",
        ),
        ({"query_norm__mean": np.zeros((3, 8))}, r"query_norm.mean is a running statistic and must be float32 .*PAR-5"),
        ({"keys": with_entry((1, 2, 4, 4), np.nan)}, r"keys holds NaN or infinity; .* finite \(PAR-3\)"),
        ({"experts__v": with_entry((16, 5), -np.inf)}, "experts.v holds NaN or infinity"),
        ({"query_norm__var": with_entry((3, 8), -1e-9)}, "query_norm.var is a variance and must not be negative"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TableError, match=message):
        Layer(CONFIG, params(**change))


def test_a_missing_parameter_is_named() -> None:
    given = params()
    del given["experts.u"]
    with pytest.raises(TableError, match=r"the layer lacks the parameter 'experts\.u' of shape \(16, 5\)"):
        Layer(CONFIG, given)


@pytest.mark.parametrize("dtype", [np.int64, np.complex128, np.float16])
def test_only_the_four_precisions_are_dtypes(dtype: Any) -> None:
    learned = {name: array.astype(dtype) for name, array in params().items() if name not in STATISTICS}
    given = params() | learned
    if dtype is np.float16:
        assert Layer(CONFIG, given).dtype == np.float16
        return
    with pytest.raises(TableError, match="must be of dtype float64, float32, bfloat16, float16, got"):
        Layer(CONFIG, given)


def test_a_value_that_is_not_finite_is_found_beyond_the_first_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerspec.reference.validation._CHUNK", 8)
    with pytest.raises(TableError, match=r"experts\.u holds NaN"):
        Layer(CONFIG, params(experts__u=with_entry((16, 5), np.nan)))


def test_a_signalling_nan_is_refused_like_any_other() -> None:
    nan = np.full((16, 5), 0x7F81, np.uint16).view(ml_dtypes.bfloat16)
    layer = Layer.random(CONFIG, dtype="bfloat16")
    with pytest.raises(TableError, match=r"experts\.u holds NaN"):  # without the warning of a comparison
        Layer(CONFIG, dict(layer.params) | {"experts.u": nan})


@pytest.mark.parametrize("name", DTYPES)
def test_random_layers_have_their_dtype_and_depend_on_the_seed_alone(name: str) -> None:
    a, b, c = (Layer.random(CONFIG, seed=seed, dtype=DTYPES[name]) for seed in (1, 1, 2))
    assert {key: array.dtype for key, array in a.params.items()} == {
        key: parameter_dtype(key, DTYPES[name]) for key in CONFIG.shapes()
    }
    assert list(a.params) == list(CONFIG.shapes())
    assert all(array.tobytes() == b.params[key].tobytes() for key, array in a.params.items())
    assert a.params["keys"].tobytes() != c.params["keys"].tobytes()
    assert (a.params["query_norm.var"] == 1).all()
    assert not a.params["query_norm.mean"].any()


def test_a_random_layer_is_of_order_one() -> None:
    """Means of squares of 64·64 normal numbers lie within 1 ± 0.2 by seven standard deviations."""
    config = PeerConfig(d_model=64, heads=4, num_experts=64, top_k=4, d_key=64, activation="identity")
    layer = Layer.random(config, dtype=np.float64)
    assert abs((layer.params["experts.u"] ** 2).sum(-1).mean() - 1) < 0.2
    x = np.random.default_rng(0).standard_normal((64, 64))
    assert 0.1 < forward(layer, x).y.std() < 10


def test_parameters_cannot_be_replaced_in_a_layer() -> None:
    layer = Layer.random(CONFIG)
    with pytest.raises(TypeError):
        layer.params["keys"] = np.zeros(3)


def test_bfloat16_is_the_one_of_ml_dtypes() -> None:
    assert DTYPES["bfloat16"] == np.dtype(ml_dtypes.bfloat16)
