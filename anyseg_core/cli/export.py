"""``anyseg export``: write a checkpoint as graphs for other runtimes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from anyseg_core.cli.command import Command
from anyseg_core.cli.export_int8 import (
    INT8,
    add_int8_arguments,
    open_int8_data,
    quantised_graphs,
    report_loss,
)
from anyseg_core.cli.output import write_json
from anyseg_core.cli.sizes import parse_size
from anyseg_core.errors import CheckpointError
from anyseg_core.models.encoders import Encoder
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.export_folder import FORMATS, ExportedGraphs, write_export
from anyseg_core.runtime.graph import is_bound
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.graph_source import subsets_to_warm
from anyseg_core.runtime.load import load_network
from anyseg_core.runtime.onnxruntime_segmenter import OnnxruntimeSegmenter
from anyseg_core.runtime.parity import SUFFICIENT, subset_agreement
from anyseg_core.runtime.probe import street_probe
from anyseg_core.runtime.quantisation import SUFFICIENT as SUFFICIENT_INT8
from anyseg_core.runtime.tensorrt_engine import import_tensorrt
from anyseg_core.runtime.torch_segmenter import TorchSegmenter
from anyseg_core.weights import shipped_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseg_core.models import ModelCard, SegmentationModel
    from anyseg_core.runtime.export_folder import ExportInfo
    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import GraphSource
    from anyseg_core.runtime.segmenter import Segmenter

_TENSORRT = "tensorrt"
_RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino", _TENSORRT: _TENSORRT}


def _size(text: str) -> Size:
    """Read ``WxH`` as (height, width)."""
    size = parse_size(text, Encoder.min_side)
    if size is None:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted WxH, each at least {Encoder.min_side}")
    return size[1], size[0]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", type=Path, nargs="?", default=shipped_checkpoint(),
        help="the .safetensors file, its card beside it (default: the package's own weights)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=(*FORMATS, _TENSORRT), default="onnx",
        help="default: %(default)s; tensorrt is onnx, with the engines built for the GPU here",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument(
        "--size", type=_size, metavar="WxH",
        help="of the images, for models that are bound to one; default: the card's input size",
    )  # fmt: skip
    parser.add_argument(
        "--check",
        action="store_true",
        help="hold the export against PyTorch on every subset of modalities",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what --check found there")
    add_int8_arguments(parser)


def _run(options: argparse.Namespace) -> int:
    model, card = load_network(options.checkpoint)
    size = options.size or card.input_size
    data = open_int8_data(options, card)
    by_tensorrt = options.format == _TENSORRT
    if by_tensorrt:
        import_tensorrt()  # refused before anything is written
    written = "onnx" if by_tensorrt else options.format
    bound = is_bound(model, size)
    graphs: GraphSource = CachedGraphs(model, card)
    if data is not None:
        graphs = quantised_graphs(graphs, data, options)
    info = write_export(
        graphs, options.output, written, size, bound=bound, precision=options.precision
    )
    print(f"wrote {options.output}: {_describe(info)}")
    if by_tensorrt:
        engines = load_segmenter(options.output, _TENSORRT)
        taken = engines.warm_up(size[1], size[0])
        print(f"built for {engines.description} at {size[1]} x {size[0]}: {taken}")
    if options.check:
        backend = "openvino" if data is not None else _RUNTIMES[options.format]
        found = _check(model, card, options.output, backend, size)
        if options.json is not None:
            write_json("--json", options.json, {"labels_equal": found})
        _judge(found, SUFFICIENT_INT8 if options.precision == INT8 else SUFFICIENT)
    if data is not None:
        report_loss(data, options.checkpoint, options.output)
    return 0


def _describe(info: ExportInfo) -> str:
    branches = ", a branch for each modality" if info.has_branches else ""
    size = "any multiple of 4 wide and high"
    if info.size is not None:
        size = f"for images of {info.size[1]} x {info.size[0]}"
    return f"an encoder{branches} and one fusion for any subset, {size}; ONNX opset {info.opset}"


def _check(
    model: SegmentationModel, card: ModelCard, folder: Path, backend: str, size: Size
) -> dict[str, float]:
    """Print the share of equal labels by subset, and return it, the least of all runtimes."""
    reference = TorchSegmenter(model, card, device="cpu", trained=bool(card.sha256))
    probe = street_probe(card, size[1], size[0])
    found: dict[str, float] = {}
    for other in _readers(folder, backend):
        print(f"{other.description} against {reference.description}, {size[1]} x {size[0]}:")
        print("labels equal  subset")
        for subset in subsets_to_warm(card.spec.modalities, alike=False):
            words = " + ".join(subset)
            share = subset_agreement(reference, other, probe, subset)
            found[words] = min(share, found.get(words, share))
            print(f"{100 * share:10.3f} %  {words}", flush=True)
    return found


def _readers(folder: Path, backend: str) -> Iterator[Segmenter]:
    """Give the runtimes that between them read every graph of an export."""
    yield load_segmenter(folder, backend, "auto" if backend == _TENSORRT else "cpu")
    if backend == "onnxruntime":
        yield OnnxruntimeSegmenter(ExportedGraphs(folder), device="cpu", whole_fusion=True)


def _judge(found: dict[str, float], sufficient: float) -> None:
    worst = min(found, key=lambda words: found[words])
    if found[worst] < sufficient:
        raise CheckpointError(
            f"{100 * found[worst]:.2f} % of PyTorch's labels for {worst}",
            f"at least {100 * sufficient:g} %",
            "do not use this export",
        )


COMMAND = Command(
    name="export",
    summary="Write a checkpoint as graphs for ONNX Runtime, OpenVINO or TensorRT.",
    add_arguments=_add_arguments,
    run=_run,
)
