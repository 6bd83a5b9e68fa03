"""``anyseg teacher``: write a teacher's embeddings for a data set, or check such a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

from anyseg_core.cli.command import Command
from anyseg_core.cli.output import write_json
from anyseg_core.data import open_dataset
from anyseg_core.distillation import (
    ClipEncoder,
    Int8SentenceEncoder,
    LanguageBindEncoder,
    SentenceEncoder,
    TeacherSample,
    embed_class_names,
    embed_data_set,
    read_teacher_embeddings,
    seeded_teacher,
    write_teacher_embeddings,
)
from anyseg_core.distillation.maker import PROMPT
from anyseg_core.errors import ConfigurationError
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from anyseg_core.data import Sample, SegmentationDataset
    from anyseg_core.distillation import TeacherEmbeddings, TextEncoder, VisualEncoder
    from anyseg_core.types import Float32Array, UInt8Array

TEXT_MAKERS: dict[str, Callable[[Path | None], TextEncoder]] = {
    "sentence": SentenceEncoder,
    "sentence-int8": Int8SentenceEncoder,
}
IMAGE_MAKERS: dict[str, Callable[[Path], VisualEncoder]] = {
    "clip": ClipEncoder,
    "languagebind": LanguageBindEncoder,
}
MAKERS = ("seeded", *TEXT_MAKERS, *IMAGE_MAKERS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, required=True, metavar="ROOT", help="the data set")
    parser.add_argument("--split", default="train", help="default: %(default)s")
    parser.add_argument(
        "--modalities", metavar="A,B", help="those to embed (default: all of the data set)"
    )
    parser.add_argument("--check", type=Path, metavar="FILE", help="check this file; write nothing")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--maker",
        choices=MAKERS,
        default="sentence",
        help="sentence and sentence-int8 know class names alone; default: %(default)s",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="the teacher's files (clip, languagebind)"
    )
    parser.add_argument(
        "--captions",
        type=Path,
        metavar="FILE",
        help="JSON object: a description by sample, as LLaMA-Adapter writes it (default: the names "
        "of the classes that are in the sample)",
    )
    parser.add_argument("--prompt", default=PROMPT, help="around a class's name: %(default)r")
    parser.add_argument("--seed", type=int, default=0, help="of the seeded maker")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what the file holds")


def run(options: argparse.Namespace) -> int:
    """Write a file, or check one; see ``add_arguments``."""
    if (options.check is None) == (options.output is None):
        raise ConfigurationError(
            "--check and --output both, or neither",
            "one of them",
            "give the file to write, or the file to check",
        )
    modalities = options.modalities.split(",") if options.modalities else None
    dataset = open_dataset(options.data, options.split, modalities=modalities)
    console = Console()
    path = options.output if options.check is None else options.check
    if options.check is None:
        write_teacher_embeddings(path, _make(options, dataset, console))
    teacher = read_teacher_embeddings(path)
    names = [_name(dataset, index) for index in range(len(dataset))] if teacher.modalities else []
    teacher.require(dataset.classes.names, dataset.modalities if names else (), names)
    summary = _summary(teacher)
    console.print(f"{path} fits {dataset.name}, {dataset.split}: " + _words(summary))
    if options.json is not None:
        write_json("--json", options.json, summary)
    return 0


def picture(modality: str, channels: Float32Array) -> UInt8Array:
    """Return a sample's channels as a picture that a teacher can see, uint8 [H, W, 3].

    Args:
        modality: RGB is taken as 0..1; any other's range is stretched to its greatest value.
        channels: float32 [3, H, W], before normalisation.
    """
    top = 1.0 if modality == "rgb" else float(channels.max())
    shares = channels / top if top > 0.0 else np.zeros_like(channels)
    pixels: UInt8Array = (shares.clip(0.0, 1.0) * 255.0).round().astype(np.uint8)
    return pixels.transpose(1, 2, 0)


def _make(
    options: argparse.Namespace, dataset: SegmentationDataset, console: Console
) -> TeacherEmbeddings:
    classes = dataset.classes.names
    if options.maker == "seeded":
        names = [_name(dataset, index) for index in range(len(dataset))]
        return seeded_teacher(classes, dataset.modalities, names, seed=options.seed)
    if options.maker in TEXT_MAKERS:
        return embed_class_names(
            TEXT_MAKERS[options.maker](options.folder), classes, options.prompt
        )
    if options.folder is None:
        raise ConfigurationError(
            f"--maker {options.maker} without --folder", "the folder of its weights", "give it"
        )
    encoder = IMAGE_MAKERS[options.maker](options.folder)
    captions = _read_captions(options.captions)
    samples = track(_samples(dataset, captions), "embedding", total=len(dataset), console=console)
    return embed_data_set(encoder, classes, dataset.modalities, samples, options.prompt)


def _samples(
    dataset: SegmentationDataset, captions: Mapping[str, str] | None
) -> Iterator[TeacherSample]:
    for index in range(len(dataset)):
        sample = dataset[index]
        images = {name: picture(name, values) for name, values in sample.channels.items()}
        yield TeacherSample(sample.name, _caption(sample, dataset, captions), images)


def _caption(
    sample: Sample, dataset: SegmentationDataset, captions: Mapping[str, str] | None
) -> str:
    if captions is not None:
        if sample.name not in captions:
            raise ConfigurationError(
                f"--captions without {sample.name!r}", "one for each sample", "add it"
            )
        return captions[sample.name]
    present = [k for k in np.unique(sample.labels).tolist() if k != IGNORE_LABEL]
    return "a scene with " + ", ".join(dataset.classes.names[k].lower() for k in present)


def _read_captions(path: Path | None) -> Mapping[str, str] | None:
    if path is None:
        return None
    try:
        captions = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"--captions {path} ({error})", "a JSON object of texts", "correct the file"
        ) from error
    if not isinstance(captions, dict) or not all(isinstance(v, str) for v in captions.values()):
        raise ConfigurationError(
            f"--captions {path}", "a JSON object with a text for each sample", "correct the file"
        )
    return captions


def _name(dataset: SegmentationDataset, index: int) -> str:
    entries = getattr(dataset, "entries", None)  # a set of files knows names without reading
    return str(entries[index].name if entries is not None else dataset[index].name)


def _summary(teacher: TeacherEmbeddings) -> dict[str, object]:
    return {
        "teacher": teacher.teacher,
        "version": teacher.version,
        "dimension": teacher.class_text.shape[1],
        "classes": len(teacher.class_names),
        "modalities": list(teacher.modalities),
        "samples": len(teacher.sample_ids),
    }


def _words(summary: dict[str, object]) -> str:
    knows = f"{summary['samples']} samples" if summary["samples"] else "class names alone"
    return (
        f"{summary['teacher']} ({str(summary['version'])[:19]}), {summary['classes']} classes, "
        f"{knows}, {summary['dimension']} dimensions"
    )


COMMAND = Command("teacher", "write or check a teacher's embeddings", add_arguments, run)
