"""Inner products, softmax and silu are C with fused multiply-add, contracted by the compiler (-ffp-contract=fast)."""

import _c

SOURCE = """
void dots_T(const T *a, const T *b, T *out, long rows, long m) {
    for (long row = 0; row < rows; row++, a += m, b += m) {
        T sum = 0;
        for (long i = 0; i < m; i++) sum += a[i] * b[i];
        out[row] = sum;
    }
}
"""
unavailable_reason = _c.unavailable_reason("x86_64")


class Variant(_c.Compiled):
    library = None if unavailable_reason else _c.library(SOURCE, "-ffp-contract=fast", "-mfma")


name, profiles, forward, select, gradients = Variant.as_backend()
