"""Alpha is kept in bfloat16, whatever the dtype of the adapter.

Wrong on: an adapter with alpha = 0.1 in float32.
"""

from _adapting import AdaptingBackend
from ml_dtypes import bfloat16

CLAUSE, STAGE = "PRC-2", "accumulation"


class Mutant(AdaptingBackend):
    def alpha(self, adapter):
        return float(bfloat16(adapter.config.alpha))


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
