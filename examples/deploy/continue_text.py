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
    options.log_severity_level = 4  # what goes wrong is raised
    if kernels:
        from peerspec.export.ort import register

        register(options)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def generate(session: onnxruntime.InferenceSession, prompt: bytes, count: int, context: int) -> bytes:
    """The prompt and ``count`` bytes, each the likeliest after the last ``context``."""
    tokens, *others = session.get_inputs()
    if others or tokens.type != "tensor(int64)" or len(tokens.shape) != 2:
        raise ValueError(
            f"the model takes {tokens.name}, {tokens.type} {tokens.shape}, which is no language model; "
            "one takes int64 [batch, sequence] alone"
        )
    text = bytearray(prompt)
    for _ in range(count):
        window = np.frombuffer(text[-context:], np.uint8).astype(np.int64)[None]
        try:
            (logits,) = session.run(None, {tokens.name: window})
        except Exception as error:  # each status of ONNX Runtime has a class of its own, under Exception
            raise ValueError(f"the model refuses {window.size} bytes, is the context too long? {error}") from None
        text.append(int(logits[0, -1].argmax()))
    return bytes(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("prompt", type=os.fsencode)
    parser.add_argument("count", type=int)
    parser.add_argument("context", type=int)
    parser.add_argument("--kernels", action="store_true", help="run PEER layers on the native kernels")
    options = parser.parse_args()
    if not options.prompt or options.count < 0 or options.context < 1:
        parser.error("the prompt must hold a byte, the count be an integer from 0 up, the context one from 1 up")
    try:
        session = open_session(options.model, kernels=options.kernels)
        text = generate(session, options.prompt, options.count, options.context)
    except Exception as error:  # as above
        sys.exit(f"continue_text.py: {str(error).strip()}")
    sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main()
