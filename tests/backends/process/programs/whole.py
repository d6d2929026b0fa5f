"""The reference as a program, with everything the protocol has."""

import numpy as np
from _speak import (
    HELLO,
    PARTS,
    Message,
    an_adapter,
    by_target,
    compared_layer,
    inputs,
    right_forward,
    run,
    say,
    write,
)  # fmt: skip

from peerspec.backends import reference
from peerspec.backends.process.messages import METHODS
from peerspec.reference import Layer, PeerConfig, PeerError


def answer(message: Message) -> None:
    method = message["method"]
    if method == "forward":
        write(message, right_forward(message))
    elif method == "select":
        given = inputs(message, "scores1", "scores2")
        scores, indices = reference.select(given["scores1"], given["scores2"], message["k"])
        write(message, {"scores": scores, "indices": indices})
    elif method == "gradients":
        training = message.get("training", True)
        write(
            message, reference.gradients(Layer.load(message["layer"]), **inputs(message, "x", "dy"), training=training)
        )
    elif method == "grow":
        write(message, reference.grow(Layer.load(message["layer"]), message["num_experts"], seed=message["seed"]))
    elif method == "train":
        write(message, reference.train(Layer.load(message["layer"]), **inputs(message, "x", "dy", *PARTS)))
    elif method in ("comparison", "comparison_gradients"):
        names = ("x",) if method == "comparison" else ("x", "dy")
        compute = getattr(reference, method)
        write(message, compute(compared_layer(message), **inputs(message, *names), training=message["training"]))
    elif method == "adapt":
        bases, x, _ = by_target(message)
        write(message, reference.adapt(an_adapter(message), bases, x, training=message["training"]))
    elif method == "adapter_gradients":
        training = message["training"]
        write(message, reference.adapter_gradients(an_adapter(message), *by_target(message), training=training))
    elif method == "supports":
        PeerConfig(**message["config"])
        odd = message["config"]["activation"] == "gelu_tanh" and np.dtype(message["dtype"]) == np.float64
        say({"reply": "supports", "supported": "no gelu_tanh in float64" if odd else True})
        return
    say({"reply": method})


def answer_or_refuse(message: Message) -> None:
    try:
        answer(message)
    except PeerError as error:
        say({"reply": "error", "message": str(error)})


methods = list(METHODS)
run(answer_or_refuse, HELLO | {"profiles": sorted(reference.profiles), "methods": methods})
