"""Exports on disk: the graphs, what they are, and the network's card in one folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError
from anyseg_core.models.any2seg import options_in_head
from anyseg_core.models.card import parse_card
from anyseg_core.runtime.graph import OPSET
from anyseg_core.runtime.head_tail import Classifier
from anyseg_core.runtime.openvino_segmenter import import_openvino, openvino_core
from anyseg_core.runtime.precision import FLOAT32

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import Graph, GraphSource

FORMATS = ("onnx", "openvino")
_ENCODER, _FUSION, _FUSED_MAPS = "encoder", "fusion", "fused-maps"
_CLASSIFIER = "classifier.npz"
_CARD = "card.json"
_ABOUT = "export.json"
_SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}


@dataclass(frozen=True, slots=True)
class ExportInfo:
    """What an export holds, as ``export.json`` says it.

    Attributes:
        format: one of ``FORMATS``.
        opset: ONNX operator set of the graphs.
        has_branches: whether each modality has a graph of its own between encoder and fusion.
        size: (height, width) that the graphs are bound to; None for any multiples of 4.
        precision: of the weights and computations that the graphs ask for.
    """

    format: str
    opset: int
    has_branches: bool
    size: Size | None
    precision: str


def write_export(
    graphs: GraphSource,
    folder: Path,
    graph_format: str,
    size: Size,
    *,
    bound: bool,
    precision: str = FLOAT32,
) -> ExportInfo:
    """Write graphs, checked by ONNX's own checker, what they are, and the network's card.

    Args:
        graphs: ONNX files.
        folder: made if it is not there.
        graph_format: one of ``FORMATS``.
        size: (height, width) of the images.
        bound: whether the graphs are for this size alone; see ``is_bound``.
        precision: of the graphs, in words.

    Raises:
        ConfigurationError: the model cannot be exported, or the folder not be written.
        MissingDependencyError: ``onnx`` or ``openvino`` is not installed.
    """
    info = ExportInfo(graph_format, OPSET, graphs.has_branches, size if bound else None, precision)
    card = graphs.card
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_graph(graphs.encoder(size), folder / _ENCODER, graph_format)
        for name in card.spec.modalities if graphs.has_branches else ():
            _write_graph(graphs.branch(name, size), folder / _branch(name), graph_format)
        if graph_format == "onnx":  # OpenVINO ends its graphs at the head's maps
            _write_graph(graphs.fusion(size), folder / _FUSION, graph_format)
        if options_in_head(card.spec) is None:
            _write_graph(graphs.fused_maps(size), folder / _FUSED_MAPS, graph_format)
        classifier = graphs.classifier
        np.savez(folder / _CLASSIFIER, weights=classifier.weights, bias=classifier.bias)
        _write_json(folder / _ABOUT, asdict(info))
        _write_json(folder / _CARD, card.to_json())
    except OSError as error:
        raise ConfigurationError(
            f"output folder {folder} ({error})", "a folder that can be written", "choose another"
        ) from error
    return info


class ExportedGraphs:
    """The graphs of an export; see ``GraphSource``.

    Args:
        folder: what ``write_export`` wrote.

    Raises:
        CheckpointError: no export is there, or its files are malformed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._card = parse_card(
                (folder / _CARD).read_text(encoding="utf-8"), str(folder / _CARD)
            )
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            size = about.pop("size")
            self.info = ExportInfo(**about, size=None if size is None else (size[0], size[1]))
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise CheckpointError(
                f"{folder} without a readable {_CARD} and {_ABOUT} ({error})",
                "a folder that anyseg export wrote",
                "export the checkpoint anew",
            ) from error

    @property
    def card(self) -> ModelCard:
        """The network's card."""
        return self._card

    @property
    def has_branches(self) -> bool:
        """Whether each modality has a graph of its own between encoder and fusion."""
        return self.info.has_branches

    @property
    def classifier(self) -> Classifier:
        """The head's last layer.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        path = self._folder / _CLASSIFIER
        try:
            with np.load(path) as arrays:
                return Classifier(arrays["weights"], arrays["bias"])
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(
                f"{self._folder} without a readable {_CLASSIFIER} ({error})",
                "all that anyseg export wrote",
                "export the checkpoint anew",
            ) from error

    def encoder(self, size: Size) -> Path:
        """Return the path of the graph that encodes images of ``size``."""
        return self._path(_ENCODER, size)

    def branch(self, name: str, size: Size) -> Path:
        """Return the path of the graph of one modality's branch."""
        return self._path(_branch(name), size)

    def fusion(self, size: Size) -> Path:
        """Return the path of the graph that fuses any number of modalities."""
        return self._path(_FUSION, size)

    def fused_maps(self, size: Size) -> Path:
        """Return the path of the graph of the fusion as far as the head's maps."""
        return self._path(_FUSED_MAPS, size)

    def _path(self, name: str, size: Size) -> Path:
        bound = self.info.size
        if size != bound if bound else any(side % 4 for side in size):
            raise CheckpointError(
                f"images of {size[1]} x {size[0]} for {self._folder}",
                f"{bound[1]} x {bound[0]}" if bound else "sides that are multiples of 4",
                f"set that size, or export with --size {size[1]}x{size[0]}",
            )
        path = self._folder / f"{name}{_SUFFIXES.get(self.info.format, '')}"
        if not path.is_file():
            raise CheckpointError(
                f"{self._folder} without {path.name}",
                "all that anyseg export wrote",
                "export the checkpoint anew",
            )
        return path


def _branch(name: str) -> str:
    """Return the name of a branch's file, without its suffix."""
    return f"branch-{name}"


def _write_graph(graph: Graph, path: Path, graph_format: str) -> None:
    if not isinstance(graph, bytes):
        graph = graph.read_bytes()
    path = path.with_name(path.name + _SUFFIXES[graph_format])
    _check_onnx(graph)
    if graph_format == "onnx":
        path.write_bytes(graph)
        return
    openvino = import_openvino()
    openvino.save_model(openvino_core().read_model(graph), path, compress_to_fp16=False)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _check_onnx(graph: bytes) -> None:
    try:
        import onnx  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise MissingDependencyError(
            "no package onnx", "it, to check the graphs", "run: pip install onnx"
        ) from error
    onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
