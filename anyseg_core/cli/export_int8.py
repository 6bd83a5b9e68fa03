"""The int8 side of ``anyseg export``: calibration from a data set, and what int8 costs there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.progress import Progress

from anyseg_core.data import open_dataset
from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.evaluation import Plan, in_order, same_classes
from anyseg_core.evaluation.predictors import SegmenterPredictor
from anyseg_core.evaluation.quantised import SAMPLES, calibration_samples, quantised_scores
from anyseg_core.runtime import load_segmenter
from anyseg_core.runtime.quantised_graphs import QuantisedGraphs

if TYPE_CHECKING:
    import argparse

    from anyseg_core.data import SegmentationDataset
    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.graph_source import GraphSource

INT8 = "int8"
LARGEST_LOSS = 1.0
"""Points of mIoU that int8 may cost."""


class Int8Data(NamedTuple):
    """The splits that calibration and loss are taken from."""

    calibration: SegmentationDataset
    test: SegmentationDataset


def add_int8_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--precision", choices=("float32", INT8), default="float32",
        help="int8 is for OpenVINO on a CPU (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--calibrate", type=Path, metavar="ROOT",
        help="data set that int8 is calibrated on (train) and scored on (test)",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=int, default=SAMPLES, metavar="N",
        help="samples to calibrate on (default: %(default)s)",
    )  # fmt: skip


def open_int8_data(options: argparse.Namespace, card: ModelCard) -> Int8Data | None:
    """Return the data for int8; None for float32.

    Raises:
        ConfigurationError: options that do not go together, or the data cannot be used.
    """
    wanted = options.precision == INT8
    if wanted != (options.calibrate is not None) or (wanted and options.format == "tensorrt"):
        raise ConfigurationError(
            f"--precision {options.precision}, --format {options.format} and "
            f"{'a' if options.calibrate else 'no'} data set to calibrate on",
            "--calibrate ROOT with --precision int8, for onnx or openvino, and only there",
            "give both, or neither",
        )
    if not wanted:
        return None
    data = Int8Data(*(open_dataset(options.calibrate, split) for split in ("train", "test")))
    same_classes(card.classes, data.test.classes)
    return data


def quantised_graphs(
    graphs: GraphSource, data: Int8Data, options: argparse.Namespace
) -> QuantisedGraphs:
    """Return the graphs in int8."""
    return QuantisedGraphs(
        graphs, calibration_samples(data.calibration, graphs.card, options.samples)
    )


def report_loss(data: Int8Data, checkpoint: Path, export: Path) -> None:
    """Print the scores of both on the whole test split, with all modalities.

    Raises:
        CheckpointError: int8 loses more than ``LARGEST_LOSS``.
    """
    exact, quantised = (
        SegmenterPredictor(load_segmenter(path, "openvino", "cpu")) for path in (checkpoint, export)
    )
    card, test = exact.card, data.test
    shared = [name for name in test.modalities if name in card.spec.modalities]
    plan = Plan(
        test, tuple(range(len(test))), (in_order(shared),), same_classes(card.classes, test.classes)
    )
    with Progress() as progress:
        task = progress.add_task("scoring int8", total=len(test))
        scores = quantised_scores(
            plan, exact, quantised, lambda count: progress.advance(task, count)
        )
    (score,) = scores.values()
    print(
        f"mIoU on {len(test)} samples: float32 {100 * score.float32:.2f}, "
        f"int8 {100 * score.int8:.2f}, labels equal on {100 * score.labels_equal:.2f} % of pixels"
    )
    if score.loss > LARGEST_LOSS:
        raise CheckpointError(
            f"{score.loss:.2f} points of mIoU lost in int8",
            f"at most {LARGEST_LOSS:g}",
            "calibrate on more samples, or stay with float32",
        )
