// The activations of ACT-1, and an error function, because JavaScript has none.

const TERMS = 60;

/** erf: a series of positive terms for small x, otherwise 1 minus the continued fraction of erfc. */
export function erf(x) {
  const size = Math.abs(x);
  if (size > 2) return Math.sign(x) * (1 - erfc(size));
  // erf x = 2/√π e^(−x²) Σ x (2x²)^m / (1·3·5 … (2m+1)); at x = 2 term 60 is below 2^−90 of the sum
  let term = x;
  let sum = x;
  for (let m = 1; m <= TERMS; m++) {
    term *= (2 * x * x) / (2 * m + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc for x > 2: e^(−x²)/√π · 1/(x + (1/2)/(x + (2/2)/(x + (3/2)/(x + …)))), computed from the inside out. */
function erfc(x) {
  if (x > 7) return 0; // below 2^-53, so 1 − erfc is 1; below, an infinite x would give NaN
  let tail = x;
  for (let m = TERMS; m >= 1; m--) tail = x + m / 2 / tail;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / tail;
}

export const activations = {
  relu: (a) => (a < 0 ? 0 : a), // a comparison, because a NaN must stay a NaN (NFT-1)
  gelu: (a) => 0.5 * a * (1 + erf(a / Math.SQRT2)),
  gelu_tanh: (a) => 0.5 * a * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a * a * a))),
  silu: (a) => a / (1 + Math.exp(-a)),
  identity: (a) => a,
};
