"""The contract of a backend, kept by asking a program."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from peerspec.backends.process import messages
from peerspec.backends.process.errors import ProcessError, RefusalError
from peerspec.backends.process.program import Program
from peerspec.backends.process.tensors import Sent, read
from peerspec.reference import SPEC_VERSION, Layer, Output, PeerConfig, Selection

__all__ = ["Command", "ProcessBackend"]

Array = NDArray[Any]

_TRACE = ("scores", "indices", "gates")
_STATE = ("query_norm.mean", "query_norm.var")


@dataclass(frozen=True)
class Command:
    """A program to be judged, as a command line or a list of words; ``check_backend`` takes it for a backend."""

    words: str | Sequence[str]


class ProcessBackend:
    """A running program as a backend; a context manager, which ends the program.

    It has ``select``, ``gradients`` and ``supports`` where the program offers them.

    Args:
        command: the program and its arguments, as a shell would split them, or split already.
        timeout: seconds it may take to answer one message.
        start_timeout: seconds it may take to answer the first one.

    Attributes:
        name, profiles, methods: what the program said of itself.
        modified: the tensors of the last call whose files the program changed (IND-2).
        dead: why it can never be asked again, or empty.

    Raises:
        ProcessError: the program does not start or does not speak the protocol; from every call, one that
            gives no answer that can be read.
        RefusalError: the program replied ``error``.
    """

    def __init__(self, command: str | Sequence[str], *, timeout: float = 60.0, start_timeout: float = 120.0) -> None:
        self.timeout = timeout
        self.modified: tuple[str, ...] = ()
        self._layer: tuple[bytes, Sent] | None = None
        self._calls = 0
        self._program = Program(command)
        self._folder = tempfile.TemporaryDirectory(prefix="peerspec-")
        try:
            reply = self._exchange("start", messages.start(), start_timeout)
            hello = messages.read_hello(reply)
        except BaseException:
            self.close()
            raise
        self.name, self.profiles, self.methods = hello.name, hello.profiles, hello.methods
        for method in self.methods - {"forward"}:
            setattr(self, method, getattr(self, f"_{method}"))

    @property
    def dead(self) -> str:
        """Why the program can never be asked again, or empty."""
        return self._program.dead

    def forward(self, layer: Layer, x: Array, *, mask: Array | None = None, training: bool = False) -> Output:
        """y and the trace, as far as the program gives them."""
        inputs = {"x": x} if mask is None else {"x": x, "mask": mask}
        found = self._compute("forward", inputs, ["y"], [*_TRACE, *_STATE], layer=layer, training=training)
        state = {name: found[name] for name in _STATE if name in found}
        return Output(found["y"], **{name: found.get(name) for name in _TRACE}, state=state or None)

    def end(self) -> None:
        """Kill the program; from any thread."""
        self._program.end()

    def close(self) -> None:
        """End the program and remove its files."""
        self._program.stop(messages.request("stop"))
        self._folder.cleanup()

    def __enter__(self) -> ProcessBackend:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _select(self, scores1: Array, scores2: Array, k: int) -> Selection:
        inputs = {"scores1": scores1, "scores2": scores2}
        found = self._compute("select", inputs, ["scores", "indices"], dtype=scores1.dtype.name, k=int(k))
        return Selection(found["scores"], found["indices"])

    def _gradients(self, layer: Layer, x: Array, dy: Array, *, mask: Array | None = None) -> dict[str, Array]:
        inputs = {"x": x, "dy": dy} if mask is None else {"x": x, "dy": dy, "mask": mask}
        names = [name for name in layer.params if name not in _STATE]
        return self._compute("gradients", inputs, [*names, "x"], layer=layer)

    def _supports(self, config: PeerConfig, dtype: DTypeLike) -> bool | str:
        line = messages.request("supports", config=config, dtype=np.dtype(dtype).name)
        reply = self._exchange("supports", line, self.timeout)
        try:
            return messages.read_support(reply)
        except ProcessError as error:
            self._program.fail(str(error))

    def _compute(
        self,
        method: str,
        inputs: dict[str, Array],
        required: Iterable[str],
        optional: Iterable[str] = (),
        *,
        layer: Layer | None = None,
        **fields: Any,
    ) -> dict[str, Array]:
        """Write the inputs, ask, read the answer; none of the call's own files is left behind."""
        if self.dead:
            raise ProcessError(self.dead)
        self.modified = ()
        self._calls += 1
        folder = Path(self._folder.name)
        answer = folder / f"{self._calls}.answer.safetensors"
        try:
            sent = Sent.write(folder / f"{self._calls}.inputs.safetensors", inputs)
            if layer is not None:
                fields |= {"config": layer.config, "dtype": layer.dtype.name, "layer": self._file_of(layer).path}
        except OSError as error:
            self._program.fail(f"the inputs of {method}() cannot be written to {folder}: {error.strerror}")
        try:
            line = messages.request(method, inputs=sent.path, answer=answer, **fields)
            self._exchange(method, line, self.timeout)
            found = read(answer, f"{method}()", required=required, optional=optional)
            self.modified = (*sent.changed(), *self._layer_changed(layer))
            return found
        except ProcessError as error:
            self._drop_layer()  # nobody looked whether its file is still what it was
            raise type(error)(self.dead or self._program.said(str(error))) from None
        finally:
            for path in (sent.path, answer):
                _remove(path)

    def _exchange(self, method: str, line: bytes, limit: float) -> dict[str, Any]:
        """Send a message and decode its reply; where it makes no sense, what follows would not either."""
        answer = self._program.ask(line, limit=limit, what=f"{method}()" if method != "start" else "start")
        try:
            return messages.decode(answer, method)
        except RefusalError:
            raise
        except ProcessError as error:
            self._program.fail(str(error))

    def _file_of(self, layer: Layer) -> Sent:
        """The layer's file; the last one is kept, and found again by what it holds rather than by object."""
        key = _fingerprint(layer)
        if self._layer is None or self._layer[0] != key:
            self._drop_layer()
            path = Path(self._folder.name) / f"{self._calls}.layer.safetensors"
            metadata = {"peerspec.spec": SPEC_VERSION, "peerspec.config": layer.config.to_json()}
            self._layer = key, Sent.write(path, layer.params, metadata)
        return self._layer[1]

    def _layer_changed(self, layer: Layer | None) -> tuple[str, ...]:
        if layer is None or self._layer is None:
            return ()
        changed = self._layer[1].changed()
        if changed:
            self._drop_layer()
        return changed

    def _drop_layer(self) -> None:
        if self._layer is not None:
            _remove(self._layer[1].path)
        self._layer = None


def _fingerprint(layer: Layer) -> bytes:
    digest = sha256(layer.config.to_json().encode())
    for name, array in layer.params.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.digest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        return  # a program's own doing; it goes with the whole folder
    path.unlink(missing_ok=True)
