"""Variants whose inner products, softmax and silu are C, compiled when the variant is imported."""

import ctypes
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from _base import Summed

__all__ = ["Compiled", "library", "unavailable_reason"]

C_TYPES = {"float32": ("float", "f"), "float64": ("double", "")}
FUNCTIONS = """
void softmax_T(const T *s, T *gate, long rows, long k) {
    for (long row = 0; row < rows; row++, s += k, gate += k) {
        T most = s[0], total = 0;
        for (long i = 1; i < k; i++) most = s[i] > most ? s[i] : most;
        for (long i = 0; i < k; i++) total += gate[i] = EXP(s[i] - most);
        for (long i = 0; i < k; i++) gate[i] /= total;
    }
}
void silu_T(const T *a, T *out, long size) {
    for (long i = 0; i < size; i++) out[i] = a[i] / (1 + EXP(-a[i]));
}
"""


def unavailable_reason(machine=None):
    """One sentence that says why the variant is only its NumPy base here; empty if it is C."""
    if not shutil.which("cc"):
        return "there is no C compiler `cc`"
    if machine and platform.machine() != machine:
        return f"its options are those of {machine}, and this machine is {platform.machine()}"
    return ""


@cache
def library(source, *options):
    """The compiled library, for float and for double; None where the compiler does not take the options."""
    text = "#include <math.h>\n"
    for ctype, suffix in C_TYPES.values():
        body = (source + FUNCTIONS).replace("EXP(", f"exp{suffix}(").replace("_T(", f"_{ctype}(")
        text += f"#define T {ctype}\n{body}\n#undef T\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "variant.so"
        command = ["cc", "-O3", "-shared", "-fPIC", *options, "-x", "c", "-", "-x", "none", "-lm", "-o", str(path)]
        built = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        return None if built.returncode else ctypes.CDLL(str(path))


class Compiled(Summed):
    """``library`` is that of the subclass, or None."""

    library = None

    def call(self, function, *arguments):
        """Call ``function`` for the dtype of the first array; arrays pass as pointers and integers as long."""
        ctype = C_TYPES[arguments[0].dtype.name][0]
        passed = [ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else ctypes.c_long(a) for a in arguments]
        getattr(self.library, f"{function}_{ctype}")(*passed)

    def reduce(self, a, b):
        if self.library is None:
            return np.einsum("...i,...i->...", a, b)
        a, b, out = np.ascontiguousarray(a), np.ascontiguousarray(b), np.empty(a.shape[:-1], a.dtype)
        self.call("dots", a, b, out, out.size, a.shape[-1])
        return out

    def softmax(self, scores):
        if self.library is None:
            return super().softmax(scores)
        scores, out = np.ascontiguousarray(scores), np.empty_like(scores, order="C")
        self.call("softmax", scores, out, scores.size // scores.shape[-1], scores.shape[-1])
        return out

    def activate(self, kind, a):
        if self.library is None or kind != "silu":
            return super().activate(kind, a)
        a, out = np.ascontiguousarray(a), np.empty_like(a, order="C")
        self.call("silu", a, out, a.size)
        return out
