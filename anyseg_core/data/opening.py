"""Opens a data set, whatever its layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyseg_core.data.deliver import DeliverLayout, described_deliver, is_deliver
from anyseg_core.data.document import read_document
from anyseg_core.data.folders import described_folders
from anyseg_core.data.mcubes import McubesLayout, is_mcubes
from anyseg_core.data.muses import MusesLayout, is_muses
from anyseg_core.errors import ConfigurationError, RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anyseg_core.data.document import Document
    from anyseg_core.data.file_dataset import FileDataset, Listing
    from anyseg_core.data.layout import Layout

AUTO = "auto"
DOCUMENT = "dataset.yaml"

_DESCRIBED: dict[str, Callable[[Path, Document], Layout]] = {
    "deliver": described_deliver,
    "folders": described_folders,
}
_TREES: dict[str, tuple[Callable[[Path], bool], Callable[[Path], Layout]]] = {
    "deliver": (is_deliver, DeliverLayout),
    "mcubes": (is_mcubes, McubesLayout),
    "muses": (is_muses, MusesLayout),
}
LAYOUTS = (AUTO, *_TREES)
"""Names of layouts; the path of a YAML file that describes own data is one too."""


def open_dataset(
    root: str | Path,
    split: str,
    layout: str | Path = AUTO,
    modalities: Sequence[str] | None = None,
) -> FileDataset:
    """Open one split of a data set; files are listed, none is read.

    Args:
        root: the data set's folder.
        split: ``train``, ``val`` or ``test``.
        layout: ``auto`` takes what the folder's ``dataset.yaml`` says, else what the tree looks
            like; or ``deliver``, ``mcubes``, ``muses``; or the path of a YAML file that describes
            own data.
        modalities: those to read, in this order; None for all that the set has.

    Raises:
        ConfigurationError: the folder is no data set, has no such split or modality, or a YAML
            file cannot be used.
        RecordError: files are missing; names the first and counts the others.
    """
    found = open_layout(root, layout)
    wanted = check_modalities(found, modalities)
    listing = list_split(found, split, wanted)
    if listing.missing:
        first, others = listing.missing[0], len(listing.missing) - 1
        raise RecordError(
            f"{first}: no such file ({others} other files of {split} are missing)",
            f"{', '.join(wanted)} and labels of every sample",
            f"complete the set, or name fewer modalities; 'anyseg doctor --data {root}' lists all",
        )
    return listing.dataset


def list_split(layout: Layout, split: str, modalities: Sequence[str]) -> Listing:
    """List one split by names alone.

    Raises:
        ConfigurationError: there is no such split, or nothing in it.
    """
    there = layout.splits()
    listing = layout.listing(split, modalities) if split in there else None
    if listing is None or not (listing.dataset.entries or listing.missing):
        raise ConfigurationError(
            f"no sample of split {split!r} in {layout.root}",
            f"one of {', '.join(there) or 'train, val, test'}",
            "name a split that is there, or check the folder",
        )
    return listing


def open_layout(root: str | Path, layout: str | Path = AUTO) -> Layout:
    """Return a data set's layout; arguments and errors as for ``open_dataset``."""
    root = Path(root)
    if not root.is_dir():
        raise ConfigurationError(f"{root}: no such folder", "a data set's folder", "check the path")
    if str(layout) == AUTO:
        if (root / DOCUMENT).is_file():
            return _described(root, root / DOCUMENT)
        for matches, build in _TREES.values():
            if matches(root):
                return build(root)
        raise ConfigurationError(
            f"{root}: no known layout",
            f"a {DOCUMENT}, or a tree of {', '.join(_TREES)}",
            "check the path, or describe the folders in a YAML file and give it as the layout",
        )
    if str(layout) in _TREES:
        if str(layout) in _DESCRIBED and (root / DOCUMENT).is_file():
            return _described(root, root / DOCUMENT)
        return _TREES[str(layout)][1](root)
    if Path(layout).suffix in {".yaml", ".yml"}:
        return _described(root, Path(layout))
    raise ConfigurationError(
        f"layout {str(layout)!r}", f"one of {', '.join(LAYOUTS)}, or a .yaml file", "choose one"
    )


def check_modalities(layout: Layout, modalities: Sequence[str] | None) -> tuple[str, ...]:
    """Return the modalities to read.

    Raises:
        ConfigurationError: there is none, one twice, or one that the set does not have.
    """
    wanted = layout.modalities if modalities is None else tuple(modalities)
    if not wanted or len(set(wanted)) != len(wanted) or not set(wanted) <= set(layout.modalities):
        raise ConfigurationError(
            f"modalities {', '.join(wanted) or '(none)'}",
            f"one or more of {', '.join(layout.modalities)}, each once",
            "name what the set has",
        )
    return wanted


def _described(root: Path, path: Path) -> Layout:
    document = read_document(path)
    name = document.text("layout")
    if name not in _DESCRIBED:
        raise document.error(repr(name), f"one of {', '.join(_DESCRIBED)}", "layout")
    return _DESCRIBED[name](root, document)
