"""Graphs for ``peer.mjs``: writes the line ``ready``, then for each request, a line of JSON, a line of base64.

``{"config": …, "dtype": …}`` requests a layer with parameters as inputs, ``{"dtype": …, "n": …, "k": …}`` the selection
alone.
"""

import base64
import json
import sys
from typing import Any

import numpy as np

from peerspec.export.graph import model_with_parameter_inputs, selection_model
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.reference import PeerConfig


def graph(*, dtype: str, config: dict[str, Any] | None = None, n: int = 0, k: int = 0) -> bytes:
    if config is None:
        return selection_model(product_key_top_k(), np.dtype(dtype), n, k).SerializeToString()
    return model_with_parameter_inputs(PeerConfig.from_json(json.dumps(config)), np.dtype(dtype)).SerializeToString()


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        print(base64.b64encode(graph(**json.loads(line))).decode(), flush=True)


if __name__ == "__main__":
    main()
