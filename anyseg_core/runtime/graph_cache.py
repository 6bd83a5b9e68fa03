"""Exported graphs kept on disk, so that only the first start pays for the export."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from anyseg_core import __version__
from anyseg_core.runtime.graph import OPSET, export_onnx

if TYPE_CHECKING:
    from anyseg_core.models import SegmentationModel


def cache_folder() -> Path:
    """Return anyseg's folder in the user's cache: ``$XDG_CACHE_HOME``, else ``~/.cache``."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path("~/.cache").expanduser()) / "anyseg"


def graph_key(model: SegmentationModel) -> str:
    """Return a hash of all that the graph depends on: weights, model, versions, opset."""
    digest = hashlib.sha256(f"{__version__} {torch.__version__} {OPSET} {model.spec}".encode())
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def exported(model: SegmentationModel) -> bytes:
    """Return the model's ONNX graph, from the cache where it is there.

    Raises:
        ConfigurationError: the model cannot be exported.
    """
    path = cache_folder() / f"{graph_key(model)}.onnx"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    graph = export_onnx(model)
    with contextlib.suppress(OSError):  # a folder that cannot be written only costs time
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            part.write(graph)
        Path(part.name).replace(path)
    return graph
