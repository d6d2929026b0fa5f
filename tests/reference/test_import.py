"""The reference imports NumPy and no framework."""

import subprocess
import sys


def test_importing_the_reference_imports_no_framework() -> None:
    program = (
        "import sys, peerspec.reference as r; r.Layer.random(r.PeerConfig(4, 1, 4, 1, 2));"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numpy", "peerspec"} <= loaded
    frameworks = {"torch", "jax", "jaxlib", "onnx", "onnxruntime", "tensorflow", "scipy", "pytest", "hypothesis"}
    assert not loaded & frameworks
