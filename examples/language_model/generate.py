"""Train the model briefly on a text, export it, and continue the same prompt with torch and ONNX Runtime.

``python generate.py TEXT model.onnx [--steps 200] [--experts 1024] [--prompt "The "]``
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from jaxtyping import Float, Int
from model import LanguageModel, LanguageModelConfig
from torch.nn import functional

import peerspec.export.torch
from peerspec.reference import PeerConfig

Logits = Callable[[Int[np.ndarray, "B S"]], Float[np.ndarray, "B S V"]]

BATCH = 8


def train(model: LanguageModel, text: bytes, *, steps: int, seed: int = 0) -> float:
    """Train on random windows of the text; return the loss of the last step, in nats per byte."""
    data, window = torch.frombuffer(bytearray(text), dtype=torch.uint8).long(), model.config.context + 1
    draws = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(steps):
        starts = torch.randint(len(data) - window + 1, (BATCH, 1), generator=draws)
        tokens = data[starts + torch.arange(window)]
        loss = functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    return loss.item()


def export(model: LanguageModel, path: Path, *, overwrite: bool = False) -> None:
    """Write the model as one ONNX file for any batch size and any sequence length up to the context."""
    tokens = torch.zeros(2, 3, dtype=torch.long)
    axes = ({0: "batch", 1: "sequence"},)
    peerspec.export.torch.export(model, (tokens,), path, dynamic_shapes=axes, overwrite=overwrite)


def in_torch(model: LanguageModel) -> Logits:
    """Logits computed by torch."""
    return lambda tokens: model(torch.from_numpy(tokens)).detach().numpy()


def in_onnxruntime(path: Path) -> Logits:
    """Logits computed by ONNX Runtime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda tokens: session.run(None, {"tokens": tokens})[0]


def generate(logits: Logits, prompt: bytes, *, count: int, context: int) -> bytes:
    """The prompt, followed by ``count`` bytes; each is the most likely one (greedy decoding)."""
    text = bytearray(prompt)
    for _ in range(count):
        tokens = np.frombuffer(text[-context:], np.uint8).astype(np.int64)[None]
        text.append(int(logits(tokens)[0, -1].argmax()))
    return bytes(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--experts", type=int, default=1024)
    parser.add_argument("--prompt", default="The ")
    options = parser.parse_args()
    if not options.text.is_file():
        parser.error(f"{options.text} is not a file; name a text file to train on")
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(PeerConfig(64, 4, options.experts, 8, 32), context=64))
    print(f"loss {train(model, options.text.read_bytes(), steps=options.steps):.2f} nats per byte")
    export(model, options.onnx, overwrite=True)
    for name, logits in (("torch", in_torch(model)), ("onnxruntime", in_onnxruntime(options.onnx))):
        print(f"{name:12}", generate(logits, options.prompt.encode(), count=60, context=64))


if __name__ == "__main__":
    main()
