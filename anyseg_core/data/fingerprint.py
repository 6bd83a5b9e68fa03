"""A hash that tells whether a run was trained on the same data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from anyseg_core.data.file_dataset import FileDataset
from anyseg_core.data.files import bad_file

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.data.sample import SegmentationDataset

READ_WHOLE = 16
"""Samples, spread over the split, whose files go into the hash byte by byte."""


def data_hash(dataset: SegmentationDataset) -> str:
    """Return 64 hexadecimal digits: the same for the same data in another place.

    Into it go classes, modalities, statistics and description, the names and sizes of all
    files, and the whole content of 16 samples. It tells other data apart, not
    someone who forges them.

    Raises:
        RecordError: a file cannot be read.
    """
    digest = hashlib.sha256()
    head = {
        "name": dataset.name,
        "split": dataset.split,
        "classes": asdict(dataset.classes),
        "modalities": dataset.modalities,
        "normalisation": {name: asdict(dataset.normalisation[name]) for name in dataset.modalities},
        "description": dataset.description if isinstance(dataset, FileDataset) else "",
    }
    digest.update(json.dumps(head, sort_keys=True).encode())
    count = len(dataset)
    whole = {round(i * (count - 1) / (READ_WHOLE - 1)) for i in range(READ_WHOLE)}
    for index in range(count):
        for kind, path in sorted(dataset.files(index).items()):
            digest.update(f"\0{kind}\0{path.name}\0".encode())
            digest.update(_content(path) if index in whole else str(_size(path)).encode())
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise bad_file(path, str(error.strerror), "a file") from None


def _content(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise bad_file(path, str(error.strerror), "a readable file") from None
