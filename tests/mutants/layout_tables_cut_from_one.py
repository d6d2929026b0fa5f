"""Expert tables that are slices of one table [N, D + M] are read as if their rows followed one another.

Wrong on: u = packed[:, :D] and v = packed[:, D:] of one array.
"""

from _numpy_backend import NumpyBackend
from _shaped import packed

CLAUSE, STAGE = "PAR-1", "structure"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        params = {name: self.read(array) if "experts" in name else array for name, array in layer.params.items()}
        return super().run(type(layer)(layer.config, params), x, mask, training)

    def read(self, array):
        rows, row = array.shape[0], array.shape[1] * array.itemsize
        gaps = rows > 1 and array.strides[1] == array.itemsize and array.strides[0] > row
        return packed(array).copy() if gaps else array


name, profiles, forward, select, gradients = Mutant.as_backend()
