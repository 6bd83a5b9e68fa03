"""A data set whose samples are files: all layouts end here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.data.files import bad_file, looks_whole
from anyseg_core.data.labels import LABELS
from anyseg_core.data.sample import Sample
from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from anyseg_core.classes import ClassSet
    from anyseg_core.data.labels import LabelReader
    from anyseg_core.normalisation import Normalisation
    from anyseg_core.types import Float32Array, UInt8Array

    Reader = Callable[[dict[str, Path]], Float32Array]


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample's files: by modality, ``labels``, and ``modality.part`` for a second file."""

    name: str
    files: dict[str, Path]
    condition: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileDataset:
    """One split of a data set of files; see ``SegmentationDataset``.

    Attributes:
        root: the folder that the user named.
        entries: the samples, in order.
        readers: by modality, from a sample's files to float32 [3, H, W].
        label_reader: from a sample's files to uint8 [H, W].
        resized: modalities that may be of another size, and are brought to the labels' by taking
            the nearest pixel.
        description: text that decides what the files mean, for the data's hash.
    """

    name: str
    split: str
    classes: ClassSet
    modalities: tuple[str, ...]
    normalisation: Mapping[str, Normalisation]
    root: Path
    entries: Sequence[Entry]
    readers: Mapping[str, Reader]
    label_reader: LabelReader
    resized: frozenset[str] = frozenset()
    description: str = ""

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            RecordError: a file is missing or cannot be used: names it, and counts the others of
                the split that are missing or, by their first and last bytes, damaged.
            IndexError: there is no such sample.
        """
        entry = self.entries[index]
        try:
            labels = self.label_reader(entry.files)
            channels = {name: self.read(entry, name, labels) for name in self.modalities}
        except RecordError as error:
            others = self._others_damaged(entry)
            raise RecordError(
                f"{error.got} ({others} other files of {self.split} are missing or cut short)",
                error.wanted,
                f"{error.do}; 'anyseg doctor --data {self.root}' reads every file",
            ) from None
        return Sample(entry.name, channels, labels, entry.condition, entry.failure)

    def read(self, entry: Entry, modality: str, labels: UInt8Array) -> Float32Array:
        """Read one modality, of the labels' size.

        Raises:
            RecordError: the file cannot be used, or the picture is of another size.
        """
        channels = self.readers[modality](entry.files)
        if channels.shape[1:] == labels.shape:
            return channels
        if modality in self.resized:
            return nearest_resized(channels, *labels.shape)
        raise bad_file(
            entry.files[modality],
            f"{channels.shape[2]} x {channels.shape[1]} pixels",
            f"the labels' size, {labels.shape[1]} x {labels.shape[0]}",
        )

    def files(self, index: int) -> dict[str, Path]:
        """Return the files of one sample by modality, and the truth's as ``labels``.

        A modality's second file stands under ``modality.part``.
        """
        return self.entries[index].files

    def _others_damaged(self, broken: Entry) -> int:
        files = (path for entry in self.entries if entry is not broken
                 for path in entry.files.values())  # fmt: skip
        return sum(not looks_whole(path) for path in files)


@dataclass(frozen=True, slots=True)
class Listing:
    """What listing a split found: the samples that are complete, and the files that are not there.

    Attributes:
        dataset: only of samples all of whose files are there.
        missing: the files of the others.
    """

    dataset: FileDataset
    missing: tuple[Path, ...]


def nearest_resized(channels: Float32Array, height: int, width: int) -> Float32Array:
    """Return [3, height, width] by taking the pixel whose centre is nearest."""
    rows = (2 * np.arange(height) + 1) * channels.shape[1] // (2 * height)
    columns = (2 * np.arange(width) + 1) * channels.shape[2] // (2 * width)
    return np.asarray(channels.take(rows, axis=1).take(columns, axis=2))


def complete_and_missing(
    places: Mapping[str, Mapping[str, Path]], present: Mapping[str, set[str]]
) -> tuple[list[str], tuple[Path, ...]]:
    """Divide samples into those with all their files and the rest.

    Args:
        places: by sample, where each of its files should be.
        present: by kind of file, the samples that have one.

    Returns:
        The complete samples' names in order, and the paths that are not there.
    """
    complete: list[str] = []
    missing: list[Path] = []
    for name in sorted(places):
        absent = [kind for kind in places[name] if name not in present[kind]]
        missing += [places[name][kind] for kind in absent]
        if not absent:
            complete.append(name)
    return complete, tuple(missing)


__all__ = ["LABELS", "Entry", "FileDataset", "Listing", "complete_and_missing", "nearest_resized"]
