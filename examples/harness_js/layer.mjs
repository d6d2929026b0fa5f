// The layer of SPEC.md, one token at a time. Numbers of JavaScript are float64. `round` rounds half scores, scores and
// gates to the compute dtype: it is Math.fround in the precision float32. More precision is legal elsewhere (PRC-2).
import { activations } from "./activations.mjs";

function dot(a, aStart, b, bStart, count) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += a[aStart + i] * b[bStart + i];
  return sum;
}

/**
 * The positions of the k largest values, equal values by lower position. The comparison with < leaves equal values, also
 * −0 and +0, in the order of their positions, and every position is valid even if there are NaNs (SEL-4, NFT-3).
 */
function stableTopK(values, k) {
  const positions = [];
  for (let i = 0; i < values.length; i++) {
    if (positions.length === k && !(values[positions[k - 1]] < values[i])) continue;
    let at = positions.length < k ? positions.length : k - 1;
    for (; at > 0 && values[positions[at - 1]] < values[i]; at--) positions[at] = positions[at - 1];
    positions[at] = i;
  }
  return positions;
}

/**
 * The two stages of section 2.2: the top k' of each half, then the top k cells of their grid, listed row by row. The sum
 * of two floats is computed in double and then rounded to float, which gives the same as one rounding (SCO-4).
 */
export function select(s1, s2, k, round) {
  const side = Math.min(k, s1.length);
  const [rank1, rank2] = [stableTopK(s1, side), stableTopK(s2, side)];
  const sums = rank1.flatMap((i) => rank2.map((j) => round(s1[i] + s2[j])));
  const cells = stableTopK(sums, k);
  return {
    scores: cells.map((cell) => sums[cell]),
    ids: cells.map((cell) => rank1[Math.floor(cell / side)] * s1.length + rank2[cell % side]), // IDX-1
  };
}

function findGates(scores, kind) {
  if (kind === "sigmoid") return scores.map((s) => 1 / (1 + Math.exp(-s))); // GAT-3
  const top = scores.reduce((a, b) => (b > a ? b : a));
  const raised = scores.map((s) => Math.exp(s - top)); // GAT-2
  const sum = raised.reduce((a, b) => a + b);
  return raised.map((e) => e / sum);
}

/** One token: from x [D] to y [M] and the routing, [h·k] each. */
export function forward(config, params, x, round) {
  const { d_model: D, d_out: M, heads, top_k: k, d_key: d, key_heads } = config;
  const n = Math.round(Math.sqrt(config.num_experts));
  const { "query.weight": W, "query.bias": bias, keys, "experts.u": u, "experts.v": v, "experts.w": w } = params;
  const activation = activations[config.activation];
  const out = { y: new Float64Array(M), scores: [], ids: [], gates: [] };
  for (let head = 0; head < heads; head++) {
    const query = Array.from({ length: d }, (_, c) => {
      const row = head * d + c;
      return dot(W, row * D, x, 0, D) + (bias ? bias[row] : 0); // QRY-1
    });
    const [s1, s2] = [0, 1].map((half) => {
      const start = ((key_heads === 1 ? 0 : head) * 2 + half) * n; // SCO-3
      return Array.from({ length: n }, (_, i) =>
        round(dot(query, (half * d) / 2, keys, ((start + i) * d) / 2, d / 2)), // QRY-2, SCO-1
      );
    });
    const { scores, ids } = select(s1, s2, k, round);
    const gates = findGates(scores, config.gate).map(round);
    ids.forEach((id, p) => {
      const a = dot(u, id * D, x, 0, D);
      const weight = w ? activation(dot(w, id * D, x, 0, D)) * a : activation(a); // EXP-2, EXP-1
      for (let m = 0; m < M; m++) out.y[m] += gates[p] * weight * v[id * M + m]; // OUT-1
    });
    out.scores.push(...scores);
    out.ids.push(...ids);
    out.gates.push(...gates);
  }
  return out;
}
