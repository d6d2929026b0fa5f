"""The layers of these tests."""

import numpy as np
import pytest
from support.layers import MakeLayer, layer_maker


@pytest.fixture
def make_layer() -> MakeLayer:
    return layer_maker(np.float64)
