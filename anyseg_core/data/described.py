"""What a data set's YAML says of classes, encodings and statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.classes import DELIVER, ClassSet
from anyseg_core.data.class_sets import CITYSCAPES, MCUBES
from anyseg_core.data.document import Document, is_byte
from anyseg_core.data.images import Encoding
from anyseg_core.data.labels import LARGEST_CLASS_COUNT
from anyseg_core.errors import ConfigurationError
from anyseg_core.normalisation import DEFAULT_NORMALISATION, Normalisation

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = 1

IDENTITY = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Leaves the channels as they are."""

NAMED_CLASSES = {"deliver": DELIVER, "mcubes": MCUBES, "cityscapes": CITYSCAPES}


def check_format(document: Document) -> None:
    """Check the document's ``format``, so that a later one is not misread."""
    version = document.value("format")
    if version != FORMAT:
        raise document.error(repr(version), str(FORMAT), "format")


def read_classes(document: Document) -> ClassSet:
    """Read ``classes``: a known set's name, or a list of ``{name, colour}``."""
    given = document.value("classes")
    if isinstance(given, str):
        if given not in NAMED_CLASSES:
            raise document.error(repr(given), f"one of {', '.join(NAMED_CLASSES)}", "classes")
        return NAMED_CLASSES[given]
    names: list[str] = []
    colours: list[tuple[int, int, int]] = []
    for entry in document.items("classes"):
        entry.only("name", "colour")
        name, colour = entry.text("name"), entry.value("colour")
        if not isinstance(colour, list) or len(colour) != 3 or not all(map(is_byte, colour)):
            raise entry.error(repr(colour), "[red, green, blue], 0 to 255 each", "colour")
        if name in names:
            raise entry.error(f"{name!r} a second time", "every class once", "name")
        names.append(name)
        colours.append((colour[0], colour[1], colour[2]))
    if len(names) > LARGEST_CLASS_COUNT:
        raise document.error(f"{len(names)} classes", f"at most {LARGEST_CLASS_COUNT}", "classes")
    return ClassSet(tuple(names), tuple(colours))


def read_encoding(entry: Document) -> Encoding:
    """Read ``scale``, ``offset`` and ``zero_is_invalid``; the scale of bytes 0..1 is not 1."""
    try:
        return Encoding(
            entry.triple("scale"), entry.triple("offset", 0.0), entry.flag("zero_is_invalid")
        )
    except ConfigurationError as error:
        raise entry.error(error.got, error.wanted) from None


def read_normalisation(document: Document, modalities: Sequence[str]) -> dict[str, Normalisation]:
    """Read ``normalisation``; what it leaves out is as the node has it, or as the data are."""
    found = {name: DEFAULT_NORMALISATION.get(name, IDENTITY) for name in modalities}
    if "normalisation" not in document.values:
        return found
    table = document.mapping("normalisation")
    table.only(*modalities)
    for name in table.values:
        entry = table.mapping(name)
        entry.only("mean", "std")
        try:
            found[name] = Normalisation(entry.triple("mean"), entry.triple("std"))
        except ConfigurationError as error:
            raise entry.error(error.got, error.wanted) from None
    return found
