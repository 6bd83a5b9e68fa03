"""Built engines kept on disk: a build takes minutes, a load a fraction of a second."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import CheckpointError
from anyseg_core.runtime.tensorrt_engine import Engine, build_plan, import_tensorrt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from anyseg_core.runtime.tensorrt_device import Gpu
    from anyseg_core.runtime.tensorrt_graph import Shapes

_MAGIC = b"anyseg engine 1\n"


@dataclass(frozen=True, slots=True)
class EngineKey:
    """All that an engine depends on.

    Attributes:
        gpu: the kind of GPU.
        tensorrt: TensorRT's version.
        precision: ``float16`` or ``float32``.
        graph_sha256: hash of the prepared graph, weights included.
        profiles: the shapes that it is built for, in order.
    """

    gpu: Gpu
    tensorrt: str
    precision: str
    graph_sha256: str
    profiles: tuple[Shapes, ...]

    def to_json(self) -> str:
        """Return the key as one line of text, the same for equal keys."""
        return json.dumps(asdict(self), sort_keys=True)


class EngineCache:
    """Engines, and TensorRT's timings of kernels, as files in one folder.

    A file that is damaged, or that this TensorRT does not load, is built anew and replaced. A
    folder that cannot be written costs a build at each start, and nothing else.

    Args:
        folder: made when the first engine is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def engine(
        self,
        graph: bytes,
        profiles: Sequence[Shapes],
        precision: str,
        gpu: Gpu,
        *,
        workspace_bytes: int,
        device: torch.device,
    ) -> Engine:
        """Load the engine for a graph, and build it first where it is not there.

        Args:
            graph: what ``prepare_graph`` returned for the same profiles and precision.
            profiles: the shapes to run on.
            precision: ``float16`` or ``float32``.
            gpu: what ``device`` is.
            workspace_bytes: device memory that a layer may use while it runs.
            device: CUDA's current device.

        Raises:
            CheckpointError: TensorRT cannot read the graph.
            ConfigurationError: TensorRT cannot build an engine of it.
            MissingDependencyError: TensorRT is not installed.
        """
        version = str(import_tensorrt().__version__)
        digest = hashlib.sha256(graph).hexdigest()
        key = EngineKey(gpu, version, precision, digest, tuple(profiles))
        path = self._folder / f"{_sha256(key.to_json().encode())}.engine"
        kept = _read(path, key.to_json())
        if kept is not None:
            # A plan may still be foreign in what the key does not name, the driver for one.
            with contextlib.suppress(CheckpointError):
                return Engine(kept, profiles, device)
        timings = f"{gpu} TensorRT {version}"
        timing_path = self._folder / f"{_sha256(timings.encode())}.timings"
        plan = build_plan(
            graph,
            profiles,
            workspace_bytes=workspace_bytes,
            timing_cache=_read(timing_path, timings) or b"",
        )
        engine = Engine(plan.engine, profiles, device)
        _write(path, key.to_json(), plan.engine)
        _write(timing_path, timings, plan.timing_cache)
        return engine


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _header(key: str, content: bytes) -> bytes:
    described: dict[str, Any] = {"key": key, "sha256": _sha256(content)}
    return _MAGIC + json.dumps(described).encode() + b"\n"


def _read(path: Path, key: str) -> bytes | None:
    """Return what was written under a key; None where that is absent, damaged or another's."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    _, _, content = whole.removeprefix(_MAGIC).partition(b"\n")
    return content if whole.startswith(_header(key, content)) else None


def _write(path: Path, key: str, content: bytes) -> None:
    """Write a file whole or not at all."""
    with contextlib.suppress(OSError):  # a folder that cannot be written only costs time
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            part.write_bytes(_header(key, content) + content)
            part.replace(path)
