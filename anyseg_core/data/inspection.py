"""What is in a data set and what is wrong with it, by reading every file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.data.labels import LABELS, OUTSIDE
from anyseg_core.errors import RecordError
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anyseg_core.data.file_dataset import Entry, FileDataset, Listing
    from anyseg_core.types import UInt8Array


@dataclass(frozen=True, slots=True)
class BadFile:
    """One file and why it cannot be used."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What one sample holds.

    Attributes:
        condition: as in ``Sample``.
        failure: as in ``Sample``.
        size: width and height of the labels, None where they cannot be read.
        pixels: int64 [256], how many pixels have each label.
        bad: its bad files.
    """

    condition: str
    failure: str
    size: tuple[int, int] | None
    pixels: NDArray[np.int64]
    bad: tuple[BadFile, ...]


def inspect_sample(dataset: FileDataset, index: int) -> SampleReport:
    """Read every file of one sample; what is wrong is noted, not raised."""
    entry = dataset.entries[index]
    bad: list[BadFile] = []
    labels = None
    pixels = np.zeros(IGNORE_LABEL + 1, np.int64)
    try:
        labels, stored = dataset.label_reader.decode(entry.files)
        pixels = np.bincount(labels.ravel(), minlength=IGNORE_LABEL + 1).astype(np.int64)
        if pixels[OUTSIDE]:
            wrong = np.unique(stored[labels == OUTSIDE], axis=0)
            values = ", ".join(str(value.tolist()) for value in wrong[:5])
            reason = f"labels that are no class on {pixels[OUTSIDE]} pixels: {values}"
            bad.append(BadFile(str(entry.files[LABELS]), reason))
    except RecordError as error:
        bad.append(_bad(error))
    for modality in dataset.modalities:
        try:
            _read(dataset, entry, modality, labels)
        except RecordError as error:
            bad.append(_bad(error))
    size = None if labels is None else (labels.shape[1], labels.shape[0])
    return SampleReport(entry.condition, entry.failure, size, pixels, tuple(bad))


def _read(dataset: FileDataset, entry: Entry, modality: str, labels: UInt8Array | None) -> None:
    """Read one modality; against the labels' size where that is known."""
    if labels is None:
        dataset.readers[modality](entry.files)
    else:
        dataset.read(entry, modality, labels)


def _bad(error: RecordError) -> BadFile:
    path, _, reason = error.got.partition(": ")
    return BadFile(path, f"{reason}; wanted {error.wanted}")


@dataclass(slots=True)
class SplitReport:
    """The sum of a split's samples.

    Attributes:
        classes: names of the classes.
        samples: how many are complete by name.
        conditions: samples by condition.
        failures: samples by failure case, ``normal`` for none.
        sizes: samples by width and height.
        pixels: int64 [256], how many pixels have each label.
        bad: every missing or bad file.
    """

    classes: tuple[str, ...]
    samples: int = 0
    conditions: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(IGNORE_LABEL + 1, np.int64))
    bad: list[BadFile] = field(default_factory=list)

    @classmethod
    def of(cls, listing: Listing) -> SplitReport:
        """Start with what the listing knows: the classes, and the files that are not there."""
        missing = [BadFile(str(path), "no such file") for path in listing.missing]
        return cls(listing.dataset.classes.names, bad=missing)

    def add(self, sample: SampleReport) -> None:
        """Count one sample."""
        self.samples += 1
        self.conditions[sample.condition or "none"] += 1
        self.failures[sample.failure or "normal"] += 1
        if sample.size is not None:
            self.sizes[sample.size] += 1
        self.pixels += sample.pixels
        self.bad += sample.bad

    @property
    def absent_classes(self) -> list[str]:
        """Classes that no pixel of the split has."""
        return [name for i, name in enumerate(self.classes) if not self.pixels[i]]

    def as_json(self) -> dict[str, object]:
        """Return the report as numbers, texts and lists."""
        return {
            "samples": self.samples,
            "conditions": dict(sorted(self.conditions.items())),
            "failures": dict(sorted(self.failures.items())),
            "sizes": {f"{w} x {h}": count for (w, h), count in sorted(self.sizes.items())},
            "class_pixels": {name: int(self.pixels[i]) for i, name in enumerate(self.classes)},
            "ignored_pixels": int(self.pixels[IGNORE_LABEL]),
            "absent_classes": self.absent_classes,
            "bad_files": [{"path": file.path, "reason": file.reason} for file in self.bad],
        }
