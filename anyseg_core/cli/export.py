"""``anyseg export``: write a checkpoint as a graph for other runtimes."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.cli.command import Command
from anyseg_core.errors import CheckpointError
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.export_folder import FORMATS, write_export
from anyseg_core.runtime.graph import OPSET
from anyseg_core.runtime.load import load_network
from anyseg_core.runtime.parity import SUFFICIENT, label_agreement

if TYPE_CHECKING:
    import argparse

_RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="the .safetensors file, its card beside it")
    parser.add_argument("--format", choices=FORMATS, default="onnx", help="default: %(default)s")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument(
        "--check",
        action="store_true",
        help="hold the export against PyTorch on every subset of modalities",
    )


def _run(options: argparse.Namespace) -> int:
    model, card = load_network(options.checkpoint)
    path = write_export(model, card, options.output, options.format)
    print(f"wrote {path} (ONNX opset {OPSET}; any number of modalities, any height and width)")
    if options.check:
        _check(options.checkpoint, options.output, _RUNTIMES[options.format])
    return 0


def _check(checkpoint: Path, folder: Path, backend: str) -> None:
    reference = load_segmenter(checkpoint, "torch", "cpu")
    other = load_segmenter(folder, backend, "cpu")
    names = reference.card.spec.modalities
    height, width = reference.card.input_size
    images = np.random.default_rng(0).standard_normal((len(names), 3, height, width), np.float32)
    tensors = dict(zip(names, images, strict=True))
    for count in range(1, len(names) + 1):
        for subset in combinations(names, count):
            agreement = label_agreement(reference, other, {name: tensors[name] for name in subset})
            print(f"{100 * agreement:6.2f} % of labels equal: {', '.join(subset)}")
            if agreement < SUFFICIENT:
                raise CheckpointError(
                    f"{other.description} with {100 * agreement:.2f} % of PyTorch's labels for "
                    f"{', '.join(subset)}",
                    f"at least {100 * SUFFICIENT:g} %",
                    "do not use this export",
                )


COMMAND = Command(
    name="export",
    summary="Write a checkpoint as a graph for ONNX Runtime or OpenVINO.",
    add_arguments=_add_arguments,
    run=_run,
)
