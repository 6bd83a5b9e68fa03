"""Own data: folders of pictures that a YAML file describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseg_core.data.described import (
    check_format,
    read_classes,
    read_encoding,
    read_normalisation,
)
from anyseg_core.data.document import Document, is_byte
from anyseg_core.data.file_dataset import Entry, FileDataset, Listing, complete_and_missing
from anyseg_core.data.files import names_below
from anyseg_core.data.images import Encoding, ImageReader
from anyseg_core.data.labels import LABELS, LabelReader, id_lookup
from anyseg_core.data.name_list import read_names
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anyseg_core.classes import ClassSet
    from anyseg_core.normalisation import Normalisation

SPLIT = "{split}"
"""Stands for the split's sub-folder in the name of a folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of one kind lie: a folder below the root, and how their names end."""

    folder: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Split:
    """Sub-folder of one split, and the list of its samples where all lie together."""

    folder: str
    list: str | None = None


@dataclass(frozen=True, slots=True)
class FoldersLayout:
    """Own data; see ``docs/data.md`` for the YAML file.

    Attributes:
        root: the folder that the user named.
        name: what to call the set.
        classes: its classes.
        modalities: those that it offers.
        places: by modality and ``labels``.
        encodings: by modality.
        label_reader: reads the labels.
        normalisation: by modality.
        split_places: by split.
        description: the YAML file's text.
    """

    root: Path
    name: str
    classes: ClassSet
    modalities: tuple[str, ...]
    places: Mapping[str, Place]
    encodings: Mapping[str, Encoding]
    label_reader: LabelReader
    normalisation: Mapping[str, Normalisation]
    split_places: Mapping[str, Split]
    description: str

    def splits(self) -> tuple[str, ...]:
        """Return the splits that the YAML file names."""
        return tuple(self.split_places)

    def listing(self, split: str, modalities: Sequence[str]) -> Listing:
        """List one split; see ``Layout``."""
        present = {
            kind: set(names_below(self._folder(kind, split), self.places[kind].suffix))
            for kind in (*modalities, LABELS)
        }
        names = set().union(*present.values())
        if (listed := self.split_places[split].list) is not None:
            names = set(read_names(self.root / listed, self.places[LABELS].suffix))
        places = {name: {kind: self._path(kind, split, name) for kind in present} for name in names}
        complete, missing = complete_and_missing(places, present)
        dataset = FileDataset(
            name=self.name,
            split=split,
            classes=self.classes,
            modalities=tuple(modalities),
            normalisation={name: self.normalisation[name] for name in modalities},
            root=self.root,
            entries=[Entry(name, places[name]) for name in complete],
            readers={name: ImageReader(name, self.encodings[name]) for name in modalities},
            label_reader=self.label_reader,
            description=self.description,
        )
        return Listing(dataset, missing)

    def _folder(self, kind: str, split: str) -> Path:
        return self.root / self.places[kind].folder.replace(SPLIT, self.split_places[split].folder)

    def _path(self, kind: str, split: str, name: str) -> Path:
        return self._folder(kind, split) / f"{name}{self.places[kind].suffix}"


def described_folders(root: Path, document: Document) -> FoldersLayout:
    """Return the layout of own data.

    Raises:
        ConfigurationError: the document cannot be used.
    """
    check_format(document)
    document.only(
        "format", "layout", "name", "classes", "labels", "modalities", "normalisation", "splits"
    )
    table = document.mapping("modalities")
    places, encodings = {}, {}
    for name in table.values:
        entry = table.mapping(name)
        entry.only("folder", "suffix", "scale", "offset", "zero_is_invalid")
        places[name], encodings[name] = _place(entry), read_encoding(entry)
    if not places or LABELS in places:
        raise table.error(f"{', '.join(places) or 'nothing'}", "at least one name, none 'labels'")
    modalities = tuple(places)
    classes = read_classes(document)
    labels = document.mapping("labels")
    labels.only("folder", "suffix", "colours", "ids", "ignore")
    return FoldersLayout(
        root=root,
        name=document.text("name"),
        classes=classes,
        modalities=modalities,
        places=places | {LABELS: _place(labels)},
        encodings=encodings,
        label_reader=_label_reader(labels, classes),
        normalisation=read_normalisation(document, modalities),
        split_places=_splits(document),
        description=document.path.read_text(encoding="utf-8"),
    )


def _place(entry: Document) -> Place:
    return Place(entry.text("folder"), entry.text("suffix"))


def _splits(document: Document) -> dict[str, Split]:
    table = document.mapping("splits")
    splits = {}
    for name, value in table.values.items():
        if isinstance(value, str) and value:
            splits[name] = Split(value)
        else:
            entry = table.mapping(name)
            entry.only("folder", "list")
            splits[name] = Split(entry.text("folder", name), entry.text("list"))
    return splits


def _label_reader(labels: Document, classes: ClassSet) -> LabelReader:
    if labels.flag("colours"):
        if "ids" in labels.values:
            raise labels.error("both colours and ids", "one of the two", "ids")
        if len(set(classes.colours)) != len(classes.colours):
            raise labels.error("classes that share a colour", "a colour of its own for each")
        colours = {colour: i for i, colour in enumerate(classes.colours)}
        return LabelReader(id_lookup({}), _ignored_colours(labels) | colours)
    ignored = labels.ids("ignore")
    if "ids" not in labels.values:
        own = {i: i for i in range(len(classes)) if i not in ignored}
        return LabelReader(id_lookup(own, ignored))
    table, mapping = labels.mapping("ids"), {}
    for stored, name in table.values.items():
        if not is_byte(stored):
            raise table.error(repr(stored), "a number, 0 to 255", str(stored))
        if name not in classes.names:
            raise table.error(repr(name), "one of the classes' names", str(stored))
        mapping[stored] = classes.names.index(name)
    return LabelReader(id_lookup(mapping, ignored))


def _ignored_colours(labels: Document) -> dict[tuple[int, int, int], int]:
    listed = labels.values.get("ignore", [])
    if not isinstance(listed, list):
        raise labels.error(repr(listed), "a list of [red, green, blue]", "ignore")
    colours = {}
    for item in listed:
        if not isinstance(item, list) or len(item) != 3 or not all(map(is_byte, item)):
            raise labels.error(repr(item), "[red, green, blue], 0 to 255 each", "ignore")
        colours[item[0], item[1], item[2]] = IGNORE_LABEL
    return colours
