"""Ids come back as int32."""

from dataclasses import replace

import numpy as np
from _base import Net


class Variant(Net):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, indices=out.indices.astype(np.int32))


name, profiles, forward, select, gradients = Variant.parts()
