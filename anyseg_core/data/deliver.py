"""DELIVER, and simulated sets in its layout (Zhang et al., CVPR 2023).

Pictures lie under ``KIND/CONDITION/SPLIT/SEQUENCE/ID_TAG_front.png``. A simulated set has a
``dataset.yaml`` at its root, which says what the stored numbers mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyseg_core.classes import DELIVER, ClassSet
from anyseg_core.data.described import (
    IDENTITY,
    check_format,
    read_classes,
    read_encoding,
    read_normalisation,
)
from anyseg_core.data.file_dataset import Entry, FileDataset, Listing, complete_and_missing
from anyseg_core.data.files import names_below
from anyseg_core.data.images import BYTES, Encoding, ImageReader
from anyseg_core.data.labels import LABELS, LabelReader, id_lookup
from anyseg_core.normalisation import DEFAULT_NORMALISATION, Normalisation
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anyseg_core.data.document import Document

FAILURES = ("motionblur", "overexposure", "underexposure", "lidarjitter", "eventlowres")
"""DELIVER's failure cases, as they stand in the names of sequence folders."""

_TAGS = {"rgb": "rgb", "depth": "depth", "lidar": "lidar", "event": "event", LABELS: "semantic"}
_FOLDERS = {"rgb": "img", "depth": "depth", "lidar": "lidar", "event": "event", LABELS: "semantic"}
_HHA = "hha"
_PARTS = 4  # condition, split, sequence, file


@dataclass(frozen=True, slots=True)
class DeliverLayout:
    """A tree in DELIVER's layout.

    Attributes:
        root: the folder that holds ``img``, ``semantic`` and so on.
        name: what to call the set.
        classes: its classes.
        modalities: those that it offers.
        folders: by modality and ``labels``, the folder below the root.
        encodings: by modality, what the stored numbers mean.
        normalisation: by modality.
        description: text of ``dataset.yaml``, empty without one.
    """

    root: Path
    name: str = "DELIVER"
    classes: ClassSet = DELIVER
    modalities: tuple[str, ...] = MODALITIES
    folders: Mapping[str, str] = field(default_factory=lambda: {**_FOLDERS, "depth": _HHA})
    encodings: Mapping[str, Encoding] = field(
        default_factory=lambda: dict.fromkeys(MODALITIES, BYTES)
    )
    normalisation: Mapping[str, Normalisation] = field(
        default_factory=lambda: {
            **dict.fromkeys(MODALITIES, IDENTITY),
            "rgb": DEFAULT_NORMALISATION["rgb"],
        }
    )
    description: str = ""

    def splits(self) -> tuple[str, ...]:
        """Return the splits that any condition has."""
        folders = (self.root / self.folders["rgb"]).glob("*/*/")
        return tuple(sorted({folder.name for folder in folders}))

    def listing(self, split: str, modalities: Sequence[str]) -> Listing:
        """List one split; see ``Layout``."""
        present = {
            kind: set(self._names(kind, split)) for kind in dict.fromkeys((*modalities, LABELS))
        }
        places = {
            name: {kind: self._path(kind, name) for kind in present}
            for name in set().union(*present.values())
        }
        complete, missing = complete_and_missing(places, present)
        entries = [self._entry(name, places[name]) for name in complete]
        dataset = FileDataset(
            name=self.name,
            split=split,
            classes=self.classes,
            modalities=tuple(modalities),
            normalisation={name: self.normalisation[name] for name in modalities},
            root=self.root,
            entries=entries,
            readers={name: ImageReader(name, self.encodings[name]) for name in modalities},
            label_reader=LabelReader(
                id_lookup({i + 1: i for i in range(len(self.classes))}, ignored=(0,))
            ),
            resized=frozenset({"event"}),
            description=self.description,
        )
        return Listing(dataset, missing)

    def _names(self, kind: str, split: str) -> list[str]:
        """Return CONDITION/SPLIT/SEQUENCE/ID of every file of a kind that is there."""
        base = self.root / self.folders[kind]
        conditions = sorted(folder.parent.name for folder in base.glob(f"*/{split}/"))
        return [
            f"{condition}/{split}/{name}"
            for condition in conditions
            for name in names_below(base / condition / split, _suffix(kind))
            if name.count("/") == _PARTS - 3
        ]

    def _path(self, kind: str, name: str) -> Path:
        return self.root / self.folders[kind] / f"{name}{_suffix(kind)}"

    @staticmethod
    def _entry(name: str, files: dict[str, Path]) -> Entry:
        condition, _, sequence, _ = name.split("/")
        failure = next((case for case in FAILURES if case in sequence.lower()), "")
        return Entry(name, files, condition, failure)


def _suffix(kind: str) -> str:
    return f"_{_TAGS[kind]}_front.png"


def is_deliver(root: Path) -> bool:
    """Say whether a folder looks like DELIVER's."""
    return (root / "img").is_dir() and (root / "semantic").is_dir()


def described_deliver(root: Path, document: Document) -> DeliverLayout:
    """Return the layout of a set that has a ``dataset.yaml``.

    Raises:
        ConfigurationError: the document cannot be used.
    """
    check_format(document)
    table = document.mapping("encodings")
    table.only(*MODALITIES)
    modalities = tuple(name for name in MODALITIES if name in table.values)
    encodings = {}
    for name in modalities:
        entry = table.mapping(name)
        entry.only("scale", "offset", "zero_is_invalid")
        encodings[name] = read_encoding(entry)
    return DeliverLayout(
        root,
        document.text("name"),
        read_classes(document),
        modalities,
        _FOLDERS,
        encodings,
        read_normalisation(document, modalities),
        document.path.read_text(encoding="utf-8"),
    )
