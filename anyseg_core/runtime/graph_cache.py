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
from anyseg_core.runtime.graph import (
    OPSET,
    encoder_size,
    export_branch,
    export_encoder,
    export_fused_maps,
    export_fusion,
    fusion_size,
    separable,
)
from anyseg_core.runtime.head_tail import Classifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyseg_core.models import ModelCard, SegmentationModel
    from anyseg_core.runtime.graph import Size


_LAYOUT = 4
"""Of what passes between the graphs; another one makes those in a cache useless."""


def cache_folder() -> Path:
    """Return anyseg's folder in the user's cache: ``$XDG_CACHE_HOME``, else ``~/.cache``."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path("~/.cache").expanduser()) / "anyseg"


def graph_key(model: SegmentationModel) -> str:
    """Return a hash of all that a graph depends on: weights, model, versions, layout."""
    made_with = f"{__version__} {torch.__version__} {OPSET} {_LAYOUT} {model.spec}"
    digest = hashlib.sha256(made_with.encode())
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
    def has_branches(self) -> bool:
        """Whether each modality has a graph of its own between encoder and fusion."""
        return self._model.has_branches

    @property
    def classifier(self) -> Classifier:
        """The head's last layer."""
        return Classifier.of(self._model.head)

    def encoder(self, size: Size) -> bytes:
        """Return the ONNX file that encodes images of ``size``."""
        bound = encoder_size(self._model, size)
        return self._cached("encoder", bound, lambda: export_encoder(self._model, bound))

    def branch(self, name: str, size: Size) -> bytes:
        """Return the ONNX file of one modality's branch."""
        bound = fusion_size(self._model, size)
        return self._cached(
            f"branch-{name}", bound, lambda: export_branch(self._model, name, bound)
        )

    def fusion(self, size: Size) -> bytes:
        """Return the ONNX file that fuses any number of modalities."""
        bound = fusion_size(self._model, size)
        return self._cached("fusion", bound, lambda: export_fusion(self._model, bound))

    def fused_maps(self, size: Size) -> bytes:
        """Return the ONNX file of the fusion as far as the head's maps."""
        bound = fusion_size(self._model, size)
        return self._cached("fused-maps", bound, lambda: export_fused_maps(self._model, bound))

    def _cached(self, name: str, bound: Size | None, export: Callable[[], bytes]) -> bytes:
        suffix = "" if bound is None else f"-{bound[1]}x{bound[0]}"
        path = cache_folder() / f"{self._key}-{name}{suffix}.onnx"
        with contextlib.suppress(OSError):
            return path.read_bytes()
        graph = export()
        with contextlib.suppress(OSError):  # a folder that cannot be written only costs time
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
                part.write(graph)
            Path(part.name).replace(path)
        return graph
