"""Inner products are C in sixteen lanes, which the compiler turns into the widest vectors of the machine."""

import _c

SOURCE = """
void dots_T(const T *a, const T *b, T *out, long rows, long m) {
    for (long row = 0; row < rows; row++, a += m, b += m) {
        T lane[16] = {0}, sum = 0;
        long i = 0;
        for (; i + 16 <= m; i += 16)
            for (int j = 0; j < 16; j++) lane[j] += a[i + j] * b[i + j];
        for (; i < m; i++) sum += a[i] * b[i];
        for (int width = 8; width; width /= 2)
            for (int j = 0; j < width; j++) lane[j] += lane[j + width];
        out[row] = sum + lane[0];
    }
}
"""
unavailable_reason = _c.unavailable_reason()


class Variant(_c.Compiled):
    library = None if unavailable_reason else _c.library(SOURCE, "-march=native")


name, profiles, forward, select, gradients = Variant.as_backend()
