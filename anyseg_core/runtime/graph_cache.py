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
from anyseg_core.models.separable import AlikeModel
from anyseg_core.runtime.graph import (
    OPSET,
    encoder_size,
    export_encoder,
    export_fusion,
    fusion_size,
    separable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_core.models import ModelCard, SegmentationModel
    from anyseg_core.runtime.graph import Size


def cache_folder() -> Path:
    """Return anyseg's folder in the user's cache: ``$XDG_CACHE_HOME``, else ``~/.cache``."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path("~/.cache").expanduser()) / "anyseg"


def graph_key(model: SegmentationModel) -> str:
    """Return a hash of all that a graph depends on: weights, model, versions, opset."""
    digest = hashlib.sha256(f"{__version__} {torch.__version__} {OPSET} {model.spec}".encode())
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


class CachedGraphs:
    """The graphs of a model, from the cache where they are there; see ``GraphSource``.

    Args:
        model: on the CPU, in evaluation mode, and left so.
        card: its card.

    Raises:
        ConfigurationError: the model cannot be exported.
    """

    def __init__(self, model: SegmentationModel, card: ModelCard) -> None:
        self._model = separable(model)
        self._card = card
        self._key = graph_key(model)

    @property
    def card(self) -> ModelCard:
        """The network's card."""
        return self._card

    @property
    def alike(self) -> bool:
        """Whether one fusion serves every subset."""
        return isinstance(self._model, AlikeModel)

    def encoder(self, size: Size) -> bytes:
        """Return the ONNX file that encodes images of ``size``."""
        bound = encoder_size(self._model, size)
        return self._cached(f"encoder{_suffix(bound)}", lambda: export_encoder(self._model, bound))

    def fusion(self, names: tuple[str, ...], size: Size) -> bytes:
        """Return the ONNX file that fuses ``names``."""
        bound = fusion_size(self._model, size)
        parts = () if self.alike else names
        return self._cached(
            "-".join(("fusion", *parts)) + _suffix(bound),
            lambda: export_fusion(self._model, names, bound),
        )

    def _cached(self, name: str, export: Callable[[], bytes]) -> bytes:
        path = cache_folder() / f"{self._key}-{name}.onnx"
        with contextlib.suppress(OSError):
            return path.read_bytes()
        graph = export()
        with contextlib.suppress(OSError):  # a folder that cannot be written only costs time
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
                part.write(graph)
            Path(part.name).replace(path)
        return graph


def _suffix(size: Size | None) -> str:
    return "" if size is None else f"-{size[1]}x{size[0]}"
