"""A running program with the contract of a backend."""

from __future__ import annotations

import contextlib
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
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
from peerspec.backends.process.tensors import SentFile, read_answer
from peerspec.files.remove_folder import remove_folder
from peerspec.reference import SPEC_VERSION, Adapter, Base, Layer, Output, PeerConfig, Selection
from peerspec.reference.comparison import ComparisonLayer

__all__ = ["Command", "ProcessBackend"]

Array = NDArray[Any]
Stored = Layer | Adapter | ComparisonLayer
"""What has a file of its own in the protocol."""

_ROUTING = ("scores", "indices", "gates")


@dataclass(frozen=True)
class Command:
    """The command of a program, as a command line or a list of words; ``check_backend`` takes it as a backend."""

    words: str | Sequence[str]


class ProcessBackend:
    """A running program as a backend, and a context manager that ends the program.

    It has ``select``, ``gradients``, ``grow``, ``train``, ``comparison``, ``comparison_gradients``, ``adapt``,
    ``adapter_gradients`` and ``supports`` if the program offers them.

    Args:
        command: the program and its arguments, as a command line in shell syntax or as a list of words.
        timeout: the time limit of one message, in seconds.
        start_timeout: the time limit of the first message, in seconds.

    Attributes:
        name, profiles, methods: from the program's reply to ``start``.
        modified: the tensors of the last call whose files the program changed (IND-2).
        dead: the reason why the program takes no more messages, or empty.

    Raises:
        ProcessError: the program does not start or does not follow the protocol; from any call, its answer is missing
            or cannot be read.
        RefusalError: from any call, the program replied ``error``.

    Example:
        >>> with ProcessBackend("node peer.mjs") as backend:  # doctest: +SKIP
        ...     y = backend.forward(layer, x).y
    """

    def __init__(self, command: str | Sequence[str], *, timeout: float = 60.0, start_timeout: float = 120.0) -> None:
        self.timeout = timeout
        self.modified: tuple[str, ...] = ()
        self._layer: tuple[bytes, SentFile] | None = None
        self._calls = 0
        self._folder = Path(tempfile.mkdtemp(prefix="peerspec-"))
        self._identity = _identity(self._folder)
        try:
            self._program = Program(command, self._folder)
        except BaseException:
            remove_folder(self._folder)
            raise
        try:
            reply = self._exchange("start", messages.start(), start_timeout)
            started = messages.read_start(reply)
        except BaseException:
            self.close()
            raise
        self.name, self.profiles, self.methods = started.name, started.profiles, started.methods
        for method in self.methods - {"forward"}:
            setattr(self, method, getattr(self, f"_{method}"))

    @property
    def dead(self) -> str:
        """The reason why the program takes no more messages, or empty."""
        return self._program.dead

    def forward(self, layer: Layer, x: Array, *, mask: Array | None = None, training: bool = False) -> Output:
        """y, and the routing if the program shows it; every other tensor is state, under whatever name."""
        inputs = {"x": x} if mask is None else {"x": x, "mask": mask}
        found = self._compute("forward", inputs, ["y"], None, layer=layer, training=training)
        state = {name: part for name, part in found.items() if name not in ("y", *_ROUTING)}
        return Output(found["y"], **{name: found.get(name) for name in _ROUTING}, state=state or None)

    def end(self) -> None:
        """Kill the program; callable from any thread."""
        self._program.end()

    def close(self) -> None:
        """End the program and remove its files."""
        self._program.stop(messages.request("stop"))
        remove_folder(self._folder)

    def __enter__(self) -> ProcessBackend:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _select(self, scores1: Array, scores2: Array, k: int) -> Selection:
        inputs = {"scores1": scores1, "scores2": scores2}
        found = self._compute("select", inputs, ["scores", "indices"], dtype=scores1.dtype.name, k=int(k))
        return Selection(found["scores"], found["indices"])

    def _gradients(
        self, layer: Layer, x: Array, dy: Array, *, mask: Array | None = None, training: bool = True
    ) -> dict[str, Array]:
        """The tensors that the program wrote, under whatever names: which must be there, a check decides."""
        inputs = {"x": x, "dy": dy} if mask is None else {"x": x, "dy": dy, "mask": mask}
        # a program without frozen statistics need not know the field
        mode: dict[str, Any] = {} if training else {"training": False}
        return self._compute("gradients", inputs, (), None, layer=layer, **mode)

    def _grow(self, layer: Layer, num_experts: int, *, seed: int) -> dict[str, Array]:
        """The tensors that the program wrote, under whatever names: which must be there, a check decides."""
        return self._compute("grow", {}, (), None, layer=layer, num_experts=int(num_experts), seed=int(seed))

    def _train(self, layer: Layer, x: Array, dy: Array, **parts: Array) -> dict[str, Array]:
        """The tensors that the program wrote, under whatever names: which must be there, a check decides."""
        return self._compute("train", {"x": x, "dy": dy, **parts}, (), None, layer=layer)

    def _comparison(
        self, layer: ComparisonLayer, x: Array, *, mask: Array | None = None, training: bool = False
    ) -> dict[str, Array]:
        """The tensors that the program wrote, under whatever names: which must be there, a check decides."""
        inputs = {"x": x} if mask is None else {"x": x, "mask": mask}
        kind = layer.config.kind
        return self._compute("comparison", inputs, (), None, layer=layer, kind=kind, training=training)

    def _comparison_gradients(
        self, layer: ComparisonLayer, x: Array, dy: Array, *, mask: Array | None = None, training: bool = True
    ) -> dict[str, Array]:
        """The tensors that the program wrote, under whatever names: which must be there, a check decides."""
        inputs = {"x": x, "dy": dy} if mask is None else {"x": x, "dy": dy, "mask": mask}
        kind = layer.config.kind
        return self._compute("comparison_gradients", inputs, (), None, layer=layer, kind=kind, training=training)

    def _adapt(
        self, adapter: Adapter, bases: Mapping[str, Base], x: Array, *, training: bool = False
    ) -> dict[str, Array]:
        """The tensors that the program wrote, under whatever names: which must be there, a check decides."""
        return self._compute("adapt", {"x": x, **_tensors(bases)}, (), None, layer=adapter, training=training)

    def _adapter_gradients(
        self, adapter: Adapter, bases: Mapping[str, Base], x: Array, dy: Mapping[str, Array], *, training: bool = True
    ) -> dict[str, Array]:
        """The tensors that the program wrote, under whatever names: which must be there, a check decides."""
        upstream = {f"dy.{target}": part for target, part in dy.items()}
        inputs = {"x": x, **_tensors(bases), **upstream}
        return self._compute("adapter_gradients", inputs, (), None, layer=adapter, training=training)

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
        optional: Iterable[str] | None = (),
        *,
        layer: Stored | None = None,
        **fields: Any,
    ) -> dict[str, Array]:
        """Write the inputs, call the program, read the answer, and remove the files of the call."""
        if self.dead:
            raise ProcessError(self.dead)
        self.modified = ()
        self._calls += 1
        answer = self._folder / f"{self._calls}.answer.safetensors"
        sent, fields = self._write(method, inputs, layer, fields)
        try:
            line = messages.request(method, inputs=sent.path, answer=answer, **fields)
            self._exchange(method, line, self.timeout)
            found = read_answer(answer, f"{method}()", required=required, optional=optional)
            self.modified = (*sent.changed(), *self._layer_changed(layer))
            return found
        except ProcessError as error:
            self._drop_layer()  # the program may have changed its file
            raise type(error)(self.dead or self._program.with_log(str(error))) from None
        finally:
            for path in (sent.path, answer):
                _remove(path)

    def _write(
        self, method: str, inputs: dict[str, Array], layer: Stored | None, fields: dict[str, Any]
    ) -> tuple[SentFile, dict[str, Any]]:
        """Write the inputs and the layer; returns the file of the inputs, and ``fields`` with those of the layer."""
        try:
            if _identity(self._folder) != self._identity:
                self._program.fail(f"it put something else in the place of {self._folder}, the folder of its files")
            sent = SentFile.write(self._folder / f"{self._calls}.inputs.safetensors", inputs)
            if layer is not None:
                what = "adapter" if isinstance(layer, Adapter) else "layer"
                fields |= {"config": layer.config, "dtype": _dtype(layer), what: self._file_of(layer).path}
        except OSError as error:
            self._program.fail(f"the inputs of {method}() cannot be written to {self._folder}: {error.strerror}")
        return sent, fields

    def _exchange(self, method: str, line: bytes, limit: float) -> dict[str, Any]:
        """Send a message and decode its reply; end the program if the reply breaks the protocol."""
        answer = self._program.exchange(line, limit=limit, what=f"{method}()" if method != "start" else "start")
        try:
            return messages.decode(answer, method)
        except RefusalError:
            raise
        except ProcessError as error:
            self._program.fail(str(error))

    def _file_of(self, layer: Stored) -> SentFile:
        """The file of the layer; that of the last layer is used again if the layer has the same content."""
        key = _fingerprint(layer)
        if self._layer is None or self._layer[0] != key:
            self._drop_layer()
            path = self._folder / f"{self._calls}.layer.safetensors"
            self._layer = key, SentFile.write(path, layer.params, _metadata(layer))
        return self._layer[1]

    def _layer_changed(self, layer: Stored | None) -> tuple[str, ...]:
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


def _metadata(layer: Stored) -> dict[str, str] | None:
    """The metadata of the file; a layer of chapter 15 has no layer file (PAR-6), so its file holds parameters alone."""
    if isinstance(layer, ComparisonLayer):
        return None
    name = "peerspec.config" if isinstance(layer, Layer) else "peerspec.adapter"
    return {"peerspec.spec": SPEC_VERSION, name: layer.config.to_json()}


def _tensors(bases: Mapping[str, Base]) -> dict[str, Array]:
    """The tensors of bases by name: ``bases.<target>.weight`` and, with a bias, ``bases.<target>.bias``."""
    weights = {f"bases.{target}.weight": base.weight for target, base in bases.items()}
    return weights | {f"bases.{target}.bias": base.bias for target, base in bases.items() if base.bias is not None}


def _dtype(layer: Stored) -> str:
    """The name of the dtype of the learned parameters."""
    return str(layer.params["keys"].dtype if isinstance(layer, Adapter) else layer.dtype)


def _fingerprint(layer: Stored) -> bytes:
    digest = sha256(f"{type(layer.config)} {layer.config.to_json()}".encode())
    for name, array in layer.params.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.digest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        return  # made by the program; it is removed with the whole folder
    with contextlib.suppress(OSError):  # the program made something else of the folder
        path.unlink(missing_ok=True)


def _identity(folder: Path) -> tuple[int, int, int]:
    """What something else of the same name does not have; a link may have the number of a removed folder."""
    about = folder.lstat()
    return about.st_dev, about.st_ino, stat.S_IFMT(about.st_mode)
