"""The stages before the experts as statements in ONNX's text form (SPEC.md, chapters 2, 3 and 5).

Values carry the names of SPEC.md: ``tokens`` [T, D] → ``q`` [T, h, d] → ``s1``, ``s2`` [T, h, n] →
``top_scores``, ``top_ids`` [T, h, k] → ``gate``. Parameters are read under their own names and widened to the dtype of
``tokens``.

Products are Gemm and Einsum, never MatMul of a Transpose, because ONNX Runtime 1.22 fuses that pair into an operator
without a float64 kernel.
"""

from __future__ import annotations

from peerspec.export.activations import constant, sigmoid
from peerspec.export.domain import DOMAIN, identifier
from peerspec.reference import PeerConfig
from peerspec.reference.query_norm import EPS

__all__ = ["gates", "half_scores", "query", "query_norm", "selection"]


def query(config: PeerConfig) -> str:
    """q[t,h,:] = W_h x_t + b_h as one product [T, D] × [D, h·d] (QRY-1)."""
    h, d = config.heads, config.d_key
    bias = f"{_widen('query.bias', 'b')}  q_raw = Add (q_map, b)\n" if config.query_bias else ""
    return f"""{_widen("query.weight", "w")}
  w_shape = Constant <value = int64[2] {{{h * d}, {config.d_model}}}> ()
  w_rows = Reshape (w, w_shape)
  q_flat = Gemm <transB = 1> (tokens, w_rows)
  q_shape = Constant <value = int64[3] {{-1, {h}, {d}}}> ()
  {"q_map" if config.query_bias else "q_raw"} = Reshape (q_flat, q_shape)
{bias}"""


def query_norm(config: PeerConfig) -> str:
    """(q − mean) · scale / √(var + ε) + bias; batch norm with its running statistics (NRM-1, NRM-6).

    With batch norm, scale / √(var + ε) depends on parameters alone, so runtimes compute it once. It is not folded into
    W: that would round W again, which PRC-4 does not allow, and the file would not hold the parameters of the layer.
    """
    if config.query_norm == "none":
        return "  q = Identity (q_raw)\n"
    ending = "  scaled = Mul (centred, slope)\n  q = Add (scaled, norm_bias)\n"
    return (_running_statistics if config.query_norm == "batch" else _own_statistics)() + _slope() + ending


def half_scores(config: PeerConfig) -> str:
    """s1 from the first half of q and sub-keys C, s2 from the second half and C′ (QRY-2, SCO-1, SCO-3)."""
    c = config.d_key // 2
    side = _shared_side if config.key_heads == 1 else _per_head_side
    return f"""{_widen("keys", "sub_keys")}
  halves = Constant <value = int64[2] {{{c}, {c}}}> ()
  q1, q2 = Split <axis = -1> (q, halves)
{side(config, 1)}{side(config, 2)}"""


def selection(config: PeerConfig) -> str:
    """The k best experts of each head (SEL-1, SEL-2)."""
    return f"  top_scores, top_ids = {DOMAIN}.ProductKeyTopK <k = {config.top_k}> (s1, s2)\n"


def gates(config: PeerConfig) -> str:
    """Softmax over the k of a head (GAT-1), or sigmoid (GAT-3)."""
    if config.gate == "softmax":
        return "  gate = Softmax <axis = -1> (top_scores)\n"
    return sigmoid("top_scores", "gate")


def _running_statistics() -> str:
    """The running mean and variance of batch norm."""
    return _widen("query_norm.mean", "mean") + _widen("query_norm.var", "var") + "  centred = Sub (q_raw, mean)\n"


def _own_statistics() -> str:
    """The mean and biased variance of each query."""
    return """
  feature = Constant <value = int64[1] {-1}> ()
  mean = ReduceMean (q_raw, feature)
  centred = Sub (q_raw, mean)
  squares = Mul (centred, centred)
  var = ReduceMean (squares, feature)
"""


def _slope() -> str:
    return f"""{_widen("query_norm.scale", "scale")}{_widen("query_norm.bias", "norm_bias")}
  {constant("eps", EPS, "tokens")}
  var_eps = Add (var, eps)
  deviation = Sqrt (var_eps)
  slope = Div (scale, deviation)
"""


def _widen(parameter: str, name: str) -> str:
    return f"  {name} = CastLike ({identifier(parameter)}, tokens)\n"


def _shared_side(config: PeerConfig, side: int) -> str:
    """One product [T·h, d/2] × [d/2, n]."""
    return f"""
  side{side} = Constant <value = int64 {{{side - 1}}}> ()
  first_head{side} = Constant <value = int64 {{0}}> ()
  set{side} = Gather <axis = 0> (sub_keys, first_head{side})
  c{side} = Gather <axis = 0> (set{side}, side{side})
  rows{side}_shape = Constant <value = int64[2] {{-1, {config.d_key // 2}}}> ()
  rows{side} = Reshape (q{side}, rows{side}_shape)
  scores{side} = Gemm <transB = 1> (rows{side}, c{side})
  s{side}_shape = Constant <value = int64[3] {{-1, {config.heads}, {config.n}}}> ()
  s{side} = Reshape (scores{side}, s{side}_shape)
"""


def _per_head_side(config: PeerConfig, side: int) -> str:
    """One product [T, d/2] × [d/2, n] for each head."""
    return f"""
  side{side} = Constant <value = int64 {{{side - 1}}}> ()
  c{side} = Gather <axis = 1> (sub_keys, side{side})
  s{side} = Einsum <equation = "thc,hnc->thn"> (q{side}, c{side})
"""
