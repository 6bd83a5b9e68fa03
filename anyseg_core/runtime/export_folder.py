"""Exports on disk: the graph and the network's card in one folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError
from anyseg_core.models.card import parse_card
from anyseg_core.runtime.graph import export_onnx
from anyseg_core.runtime.openvino_segmenter import import_openvino

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.models import ModelCard, SegmentationModel

FORMATS = ("onnx", "openvino")
_CARD = "card.json"
_ONNX = "network.onnx"
_OPENVINO = "network.xml"


def write_export(
    model: SegmentationModel, card: ModelCard, folder: Path, graph_format: str
) -> Path:
    """Write the graph, checked by ONNX's own checker, and the card; return the graph's path.

    Args:
        model: on the CPU, in evaluation mode.
        card: its card.
        folder: made if it is not there.
        graph_format: one of ``FORMATS``.

    Raises:
        ConfigurationError: the model cannot be exported, or the folder not be written.
        MissingDependencyError: ``onnx`` or ``openvino`` is not installed.
    """
    graph = export_onnx(model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if graph_format == "onnx":
            _check_onnx(graph)
            path = folder / _ONNX
            path.write_bytes(graph)
        else:
            openvino = import_openvino()
            path = folder / _OPENVINO
            openvino.save_model(openvino.Core().read_model(graph), path, compress_to_fp16=False)
        (folder / _CARD).write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"output folder {folder} ({error})", "a folder that can be written", "choose another"
        ) from error
    return path


def read_export(folder: Path) -> tuple[bytes | Path, ModelCard]:
    """Return an ONNX file's content or the path of OpenVINO's ``.xml``, and the card.

    Raises:
        CheckpointError: no export is there, or its card is malformed.
    """
    try:
        card = parse_card((folder / _CARD).read_text(encoding="utf-8"), str(folder / _CARD))
        if (folder / _OPENVINO).is_file():
            return folder / _OPENVINO, card
        return (folder / _ONNX).read_bytes(), card
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{folder} without a readable graph and card ({error})",
            "a folder that anyseg export wrote",
            "export the checkpoint anew",
        ) from error


def _check_onnx(graph: bytes) -> None:
    try:
        import onnx  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise MissingDependencyError(
            "no package onnx", "it, to check the graph", "run: pip install onnx"
        ) from error
    onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
