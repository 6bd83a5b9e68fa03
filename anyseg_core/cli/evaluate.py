"""``anyseg evaluate``: scores of a checkpoint, a report, and tables of several evaluations."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from anyseg_core.benchmark.machine import describe_machine
from anyseg_core.cli.command import Command
from anyseg_core.cli.output import write_json, write_text
from anyseg_core.cli.sizes import parse_size
from anyseg_core.data import data_hash, open_dataset
from anyseg_core.data.document import read_document
from anyseg_core.data.opening import DOCUMENT, open_layout
from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import (
    PROTOCOLS,
    Plan,
    ablation_table,
    all_subsets,
    comparison_table,
    evaluate,
    evaluate_in_processes,
    figures,
    in_order,
    load_predictor,
    read_class_map,
    read_evaluated,
    same_classes,
    write_report,
)
from anyseg_core.evaluation.comparison import METRICS
from anyseg_core.evaluation.pictures import draw_case, telling_samples
from anyseg_core.evaluation.scoring import Scorer
from anyseg_core.evaluation.sizes import STEP
from anyseg_core.html_page import require_jinja2
from anyseg_core.processes import usable_cores
from anyseg_core.runtime import BACKENDS

if TYPE_CHECKING:
    from anyseg_core.data import SegmentationDataset
    from anyseg_core.evaluation import Outcome, Predictor

MOST_WORKERS = 8
"""Processes by default; each one holds PyTorch and the network, some 0.5 GB."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "checkpoint", nargs="?", metavar="CHECKPOINT",
        help="the .safetensors file, or a folder of anyseg export; '' for the package's weights",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, metavar="ROOT", help="the data set's folder")
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, default="mss",
        help="all sensors; every subset of them; or by condition and failure case "
        "(default: %(default)s)",
    )  # fmt: skip
    _add_data_and_network(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="only N samples, evenly spread")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument(
        "--output", type=Path, metavar="PATH",
        help="folder for the report in HTML; with --compare the table's file",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--compare", nargs="+", metavar="[LABEL=]FILE",
        help="make a table of such JSON files; those with one label are seeds of one model",
    )  # fmt: skip
    parser.add_argument("--metric", choices=METRICS, help=f"of that table (default: {METRICS[0]})")
    parser.add_argument(
        "--ablation", action="store_true",
        help="with --compare: mIoU, F1 and accuracy with all sensors and in the mean of all "
        "subsets, and what each row gains on the first",
    )  # fmt: skip


def _add_data_and_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", default="test", help="default: %(default)s")
    parser.add_argument("--layout", default="auto", help="of the data set (default: %(default)s)")
    parser.add_argument(
        "--modalities", nargs="+", metavar="NAME", help="default: all that network and data share"
    )
    parser.add_argument(
        "--map-classes", type=Path, metavar="FILE", help="what the network's classes mean there"
    )
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="default: %(default)s")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--size", type=_size, default="trained", metavar="WxH",
        help="at which the network sees images, or 'native' (default: as large as in training)",
    )  # fmt: skip
    parser.add_argument(
        "--score-at", choices=("labels", "network"), default="labels",
        help="size of the comparison: the labels', or the network's as in CMNeXt's code "
        "(default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Evaluate a checkpoint, or compare evaluations; see ``add_arguments``."""
    if (options.compare is None) == (options.checkpoint is None):
        raise ConfigurationError(
            "both CHECKPOINT and --compare" if options.compare else "neither CHECKPOINT nor files",
            "one of: CHECKPOINT --data ROOT, or --compare FILES",
            "see anyseg evaluate --help",
        )
    if options.compare is not None:
        return _compare(options)
    if options.ablation:
        raise ConfigurationError(
            "--ablation without --compare", "files to compare", "see anyseg evaluate --help"
        )
    _check(options)
    dataset, predictor, plan = _prepare(options)
    begin = time.perf_counter()
    outcome, workers = _evaluate(options, plan, predictor)
    seconds = time.perf_counter() - begin
    result = {
        **_describe(options, dataset, predictor, plan),
        **figures(plan, outcome.tally, options.protocol),
        "machine": {
            **describe_machine(),
            "runtime": predictor.description,
            "workers": workers,
            "seconds": seconds,
            "samples_per_s": len(plan.indices) / seconds,
        },
    }
    console = Console()
    _print(console, result)
    if options.json is not None:
        write_json("--json", options.json, result)
    if options.output is not None:
        scorer = Scorer(plan, predictor)
        chosen = telling_samples(outcome.samples)
        cases = [draw_case(title, one, plan, scorer) for title, one in chosen.items()]
        console.print(f"report: {write_report(options.output, result, cases)}")
    return 0


def _check(options: argparse.Namespace) -> None:
    if options.data is None:
        raise ConfigurationError("no --data", "the data set's folder", "give --data ROOT")
    for name in ("limit", "workers"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ConfigurationError(f"--{name} {value}", "at least 1", "correct it")
    if options.json is not None and not options.json.parent.is_dir():
        raise ConfigurationError(
            f"--json {options.json}: no such folder", "a folder that is there", "make it"
        )
    if options.output is not None:
        require_jinja2()


def _prepare(options: argparse.Namespace) -> tuple[SegmentationDataset, Predictor, Plan]:
    predictor = load_predictor(options.checkpoint, options.backend, options.device)
    card = predictor.card
    offered = open_layout(options.data, options.layout).modalities
    wanted = options.modalities or [name for name in card.spec.modalities if name in offered]
    if not wanted or not set(wanted) <= set(card.spec.modalities) & set(offered):
        raise ConfigurationError(
            f"modalities {', '.join(wanted) or '(none)'}",
            f"some that the network ({', '.join(card.spec.modalities)}) and the data "
            f"({', '.join(offered)}) both have",
            "choose other data, or other --modalities",
        )
    dataset = open_dataset(options.data, options.split, options.layout, in_order(wanted))
    classes = (
        same_classes(card.classes, dataset.classes)
        if options.map_classes is None
        else read_class_map(options.map_classes, card.classes, dataset.classes)
    )
    subsets = all_subsets(dataset.modalities)
    plan = Plan(
        dataset,
        _spread(len(dataset), options.limit),
        subsets if options.protocol == "miss" else subsets[-1:],
        classes,
        options.size,
        options.score_at,
    )
    return dataset, predictor, plan


def _evaluate(options: argparse.Namespace, plan: Plan, predictor: Predictor) -> tuple[Outcome, int]:
    on_processor = options.backend in {"auto", "torch"} and (
        options.device == "cpu" or (options.device == "auto" and not torch.cuda.is_available())
    )
    cores = usable_cores() if on_processor else 1
    workers = options.workers or min(cores, MOST_WORKERS)
    with Progress(transient=True) as progress:
        task = progress.add_task("evaluating", total=len(plan.indices))
        advance = partial(progress.advance, task)
        if workers == 1:
            return evaluate(plan, predictor, advance), workers
        load = partial(load_predictor, options.checkpoint, options.backend, options.device)
        return evaluate_in_processes(plan, load, workers, advance), workers


def _describe(
    options: argparse.Namespace, dataset: SegmentationDataset, predictor: Predictor, plan: Plan
) -> dict[str, Any]:
    return {
        "format": 1,
        "checkpoint": _describe_checkpoint(options, predictor),
        "data": _describe_data(options, plan),
        "size": {
            "network": options.size if isinstance(options.size, str) else options.size[::-1],
            "trained": predictor.card.input_size[::-1],
            "scored_at": options.score_at,
        },
        "notes": _notes(predictor, dataset, plan),
    }


def _describe_checkpoint(options: argparse.Namespace, predictor: Predictor) -> dict[str, Any]:
    card = predictor.card
    known = card.to_json()
    keys = ("model", "encoder", "options", "modalities", "training_data", "recipe", "licence",
            "sha256")  # fmt: skip
    return {
        "file": Path(options.checkpoint).name or "the package's own",
        "trained": bool(card.sha256),
        **{key: known[key] for key in keys},
    }


def _describe_data(options: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    dataset, classes = plan.dataset, plan.classes
    described = Path(options.layout).suffix in {".yaml", ".yml"}
    document = Path(options.layout) if described else options.data / DOCUMENT
    said = read_document(document).values if document.is_file() else {}
    return {
        "name": dataset.name,
        "split": dataset.split,
        "synthetic": said.get("synthetic"),  # None: the data do not say
        "samples": len(plan.indices),
        "samples_in_split": len(dataset),
        "modalities": list(dataset.modalities),
        "hash": data_hash(dataset),
        "map_classes": None if options.map_classes is None else options.map_classes.name,
        "classes_left_out": list(classes.left_out),
        "network_classes_unused": list(classes.unused),
        "colours": {
            name: list(colour)
            for name, colour in zip(classes.classes.names, classes.classes.colours, strict=True)
        },
    }


def _notes(predictor: Predictor, dataset: SegmentationDataset, plan: Plan) -> list[str]:
    card = predictor.card
    notes = []
    if not card.sha256:
        notes.append("The network is untrained: these figures only show that the line runs.")
    if len(plan.indices) < len(dataset):
        notes.append(f"Only {len(plan.indices)} of {len(dataset)} samples were scored.")
    other = [
        name
        for name in dataset.modalities
        if card.normalisation[name] != dataset.normalisation[name]
    ]
    if other:
        notes.append(
            f"The statistics of {', '.join(other)} differ between checkpoint and data: if their "
            "units differ as well, the network sees values that it was not trained on."
        )
    if plan.classes.left_out:
        notes.append(f"Not scored, for the network has no such class: "
                     f"{', '.join(plan.classes.left_out)}.")  # fmt: skip
    if plan.classes.unused:
        notes.append(f"Classes of the network that are wrong wherever it says them: "
                     f"{', '.join(plan.classes.unused)}.")  # fmt: skip
    return notes


def _print(console: Console, result: dict[str, Any]) -> None:
    table = Table("", "mIoU", "mIoU, present", "F1", "accuracy", "ECE")
    rows = dict(result["subsets"])
    if result["protocol"] == "sensor":
        rows = {**result["conditions"], **result["failures"], **rows}
    keys = ("miou", "miou_present", "f1", "accuracy", "calibration_error")
    for name, scores in rows.items():
        table.add_row(name, *(_two_digits(scores[key]) for key in keys))
    if len(rows) > 1:
        table.add_section()
        for key in ("mean", "top1", "last1"):
            table.add_row(key, *(_two_digits(result[each]) for each in (key, f"{key}_present")))
    console.print(table)
    for note in result["notes"]:
        console.print(note)


def _two_digits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _compare(options: argparse.Namespace) -> int:
    if options.ablation and options.metric:
        raise ConfigurationError(
            f"--metric {options.metric} with --ablation, which shows mIoU, F1 and accuracy",
            "one of them", "leave one out",
        )  # fmt: skip
    evaluated = [read_evaluated(one) for one in options.compare]
    table = (
        ablation_table(evaluated)
        if options.ablation
        else comparison_table(evaluated, options.metric or METRICS[0])
    )
    if options.output is None:
        print(table, end="")
    else:
        write_text("--output", options.output, table)
    return 0


def _spread(count: int, limit: int | None) -> tuple[int, ...]:
    """Return indices of at most ``limit`` samples, evenly spread over the split."""
    if limit is None or limit >= count:
        return tuple(range(count))
    return tuple(i * count // limit for i in range(limit))


def _size(text: str) -> tuple[int, int] | str:
    """Read ``WxH`` as (height, width)."""
    if text in {"native", "trained"}:
        return text
    size = parse_size(text, STEP)
    if size is None:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted WxH, each {STEP} or more, or 'native'")
    return size[1], size[0]


COMMAND = Command("evaluate", "score a checkpoint and report on it", add_arguments, run)
