"""A program around a backend in Python, whose file is the first argument: what it raises becomes an error reply."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from _speak import HELLO, PARTS, Message, an_adapter, by_target, compared_layer, inputs, run, say, write

from peerspec.backends import load
from peerspec.backends.process.messages import METHODS
from peerspec.reference import Layer, PeerConfig
from peerspec.reference.dtypes import DTYPES


def answer(message: Message) -> None:
    """Reply to one message."""
    method = message["method"]
    try:
        if method == "supports":
            config, dtype = PeerConfig(**message["config"]), DTYPES[message["dtype"]]
            say({"reply": method, "supported": backend.supports(config, dtype)})
            return
        write(message, globals()[f"of_{method}"](message))
        say({"reply": method})
    except Exception as error:
        say({"reply": "error", "message": f"{type(error).__name__}: {error}"})


def of_grow(message: Message) -> dict[str, Any]:
    """The parameters of the grown layer."""
    return backend.grow(Layer.load(message["layer"]), message["num_experts"], seed=message["seed"])


def of_train(message: Message) -> dict[str, Any]:
    """The parameters after the steps."""
    return backend.train(Layer.load(message["layer"]), **inputs(message, "x", "dy", *PARTS))


def of_adapt(message: Message) -> dict[str, Any]:
    """y by target and the routing."""
    bases, x, _ = by_target(message)
    return backend.adapt(an_adapter(message), bases, x, training=message["training"])


def of_adapter_gradients(message: Message) -> dict[str, Any]:
    """One tensor per parameter of the adapter, and x."""
    return backend.adapter_gradients(an_adapter(message), *by_target(message), training=message["training"])


def of_forward(message: Message) -> dict[str, Any]:
    """y, what there is of the routing, and the state."""
    given = inputs(message, "x")
    out = backend.forward(
        Layer.load(message["layer"]), given["x"], mask=given.get("mask"), training=message["training"]
    )
    parts = {name: getattr(out, name) for name in ("y", "scores", "indices", "gates")}
    return {name: part for name, part in parts.items() if part is not None} | (out.state or {})


def of_select(message: Message) -> dict[str, Any]:
    """Scores and ids."""
    given = inputs(message, "scores1", "scores2")
    out = backend.select(given["scores1"], given["scores2"], message["k"])
    return {"scores": out.scores, "indices": out.indices}


def of_gradients(message: Message) -> dict[str, Any]:
    """One tensor per parameter, and x."""
    given, mode = inputs(message, "x", "dy"), {"training": False} if "training" in message else {}
    layer = Layer.load(message["layer"])
    found: dict[str, Any] = backend.gradients(layer, given["x"], given["dy"], mask=given.get("mask"), **mode)
    return found


def of_comparison(message: Message) -> dict[str, Any]:
    """y and the routing of a layer of chapter 15."""
    given = inputs(message, "x")
    found: dict[str, Any] = backend.comparison(
        compared_layer(message), given["x"], mask=given.get("mask"), training=message["training"]
    )
    return found


def of_comparison_gradients(message: Message) -> dict[str, Any]:
    """One tensor per parameter, and x."""
    given = inputs(message, "x", "dy")
    found: dict[str, Any] = backend.comparison_gradients(
        compared_layer(message), given["x"], given["dy"], mask=given.get("mask"), training=message["training"]
    )
    return found


if __name__ == "__main__":
    backend: Any = load(sys.argv[1])
    offered = [name for name in METHODS if hasattr(backend, name)]
    run(answer, HELLO | {"profiles": sorted(map(str, backend.profiles)), "methods": offered})
