"""Continue a prompt, byte by byte, with a language model exported as ONNX.

``python continue_text.py MODEL PROMPT COUNT CONTEXT [--kernels]``
"""

import argparse
import os
import sys

import numpy as np
import onnxruntime


def open_session(path: str, *, kernels: bool) -> onnxruntime.InferenceSession:
    """The model on the CPU: its PEER layers by their functions' bodies, or by the native kernels."""
    options = onnxruntime.SessionOptions()
    if kernels:
        from peerspec.export.ort import register

        register(options)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("prompt", type=os.fsencode)
    parser.add_argument("count", type=int)
    parser.add_argument("context", type=int)
    parser.add_argument("--kernels", action="store_true", help="run PEER layers on the native kernels")
    options = parser.parse_args()
    session = open_session(options.model, kernels=options.kernels)
    (tokens,) = session.get_inputs()
    text = bytearray(options.prompt)
    for _ in range(options.count):
        window = np.frombuffer(text[-options.context :], np.uint8).astype(np.int64)[None]
        (logits,) = session.run(None, {tokens.name: window})
        text.append(int(logits[0, -1].argmax()))
    sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main()
