"""Ids are returned as int32."""

from dataclasses import replace

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, indices=out.indices.astype(np.int32))


name, profiles, forward, select, gradients = Variant.as_backend()
