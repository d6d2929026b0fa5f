"""Continue a prompt, byte by byte, with a language model exported as ONNX.

``python continue_text.py MODEL PROMPT COUNT CONTEXT [--kernels]``
"""

import argparse
import os
import sys

import numpy as np
import onnxruntime


def open_session(path: str, *, kernels: bool) -> onnxruntime.InferenceSession:
    """A session of the model on the CPU; its PEER layers run the bodies of their functions, or the native kernels."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, not logged
    if kernels:
        from peerspec.export.ort import register

        register(options)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def generate(session: onnxruntime.InferenceSession, prompt: bytes, count: int, context: int) -> bytes:
    """The prompt and ``count`` more bytes, each the most likely one after the last ``context`` bytes."""
    tokens, *others = session.get_inputs()
    if others or tokens.type != "tensor(int64)" or len(tokens.shape) != 2:
        raise ValueError(
            f"the model takes {tokens.name}, {tokens.type} {tokens.shape}, and is not a language model; "
            "pass a model with the one input int64 [batch, sequence]"
        )
    text = bytearray(prompt)
    for _ in range(count):
        window = np.frombuffer(text[-context:], np.uint8).astype(np.int64)[None]
        try:
            (logits,) = session.run(None, {tokens.name: window})
        except Exception as error:  # ONNX Runtime has a class for each status, directly under Exception
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
        parser.error("the prompt must have at least one byte, the count must be at least 0, the context at least 1")
    try:
        session = open_session(options.model, kernels=options.kernels)
        text = generate(session, options.prompt, options.count, options.context)
    except Exception as error:  # as above
        sys.exit(f"continue_text.py: {str(error).strip()}")
    sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main()
