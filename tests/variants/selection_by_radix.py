"""The k largest are found byte by byte on integers in the order of floats; of equal ones the lower positions stay."""

import numpy as np
from _base import NumpyBackend, selection_by


def ordered(a):
    """Unsigned integers in the order of the floats, −0 like +0 and NaN last."""
    a = np.where(a == 0, 0, a).astype(a.dtype)
    word = {4: np.uint32, 8: np.uint64}[a.dtype.itemsize]
    bits = a.view(word)
    top = word(1) << word(8 * a.dtype.itemsize - 1)
    return np.where(np.isnan(a), word(0), np.where(bits & top, ~bits, bits | top))


def kth(row, k):
    """The k-th largest of a row of integers, from the highest byte to the lowest."""
    found = 0
    for shift in range(8 * row.itemsize - 8, -1, -8):
        byte = ((row >> row.dtype.type(shift)) & row.dtype.type(255)).astype(np.int64)
        above = np.cumsum(np.bincount(byte, minlength=256)[::-1])[::-1]  # how many have this byte or a larger one
        digit = int(np.flatnonzero(above >= k)[-1])
        k -= int(above[digit + 1]) if digit < 255 else 0
        found, row = found << 8 | digit, row[byte == digit]
    return found


def largest(row, k):
    """Positions of the k largest, equal ones by lower position, in this order."""
    threshold = row.dtype.type(kth(row, k))
    above = np.flatnonzero(row > threshold)
    chosen = np.concatenate([above, np.flatnonzero(row == threshold)[: k - len(above)]])
    return chosen[np.lexsort((chosen, ~row[chosen]))]


def top(scores, k):
    rows = ordered(scores).reshape(-1, scores.shape[-1])
    found = [largest(row, k) for row in rows] or np.zeros((0, k), int)
    return np.array(found, np.int64).reshape(*scores.shape[:-1], k)


class Variant(NumpyBackend):
    def selection(self, s1, s2, k):
        return selection_by(top, s1, s2, k, top)


name, profiles, forward, select, gradients = Variant.as_backend()
