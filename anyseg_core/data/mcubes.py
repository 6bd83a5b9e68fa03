"""MCubeS: RGB, polarisation and near infrared (Liang et al., CVPR 2022).

Files lie under ``multimodal_dataset/KIND/NAME``; ``list_folder/SPLIT.txt`` gives the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.data.arrays import read_plane
from anyseg_core.data.class_sets import MCUBES
from anyseg_core.data.described import IDENTITY
from anyseg_core.data.file_dataset import Entry, FileDataset, Listing, complete_and_missing
from anyseg_core.data.files import bad_file, names_below
from anyseg_core.data.images import Encoding, read_image
from anyseg_core.data.labels import LABELS, LabelReader, id_lookup
from anyseg_core.data.name_list import read_names
from anyseg_core.normalisation import DEFAULT_NORMALISATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anyseg_core.types import Float32Array

LEFT_COLUMNS = 192
"""Columns at the left that the published protocol drops: the near-infrared camera misses them."""

_KINDS = {
    "image": ("polL_color", ".png"),
    "aolp": ("polL_aolp_sin", ".npy"),
    "aolp.cos": ("polL_aolp_cos", ".npy"),
    "dolp": ("polL_dolp", ".npy"),
    "nir": ("NIR_warped", ".png"),
    LABELS: ("GT", ".png"),
}
_MODALITIES = ("image", "aolp", "dolp", "nir")
_TREE = "multimodal_dataset"
_LISTS = "list_folder"


@dataclass(frozen=True, slots=True)
class McubesLayout:
    """MCubeS as it is downloaded.

    Attributes:
        root: the folder that holds ``multimodal_dataset``, or that folder itself.
        modalities: colour ``image``, angle (``aolp``) and degree (``dolp``) of linear
            polarisation, and near infrared ``nir``.
    """

    root: Path
    modalities: tuple[str, ...] = _MODALITIES

    @property
    def _tree(self) -> Path:
        return self.root / _TREE if (self.root / _TREE).is_dir() else self.root

    def splits(self) -> tuple[str, ...]:
        """Return the splits that have a list."""
        return tuple(sorted(path.stem for path in (self._tree / _LISTS).glob("*.txt")))

    def listing(self, split: str, modalities: Sequence[str]) -> Listing:
        """List one split; see ``Layout``."""
        names = read_names(self._tree / _LISTS / f"{split}.txt")
        kinds = [kind for kind in _KINDS if kind.partition(".")[0] in {*modalities, LABELS}]
        present = {
            kind: set(names_below(self._tree / _KINDS[kind][0], _KINDS[kind][1])) for kind in kinds
        }
        places = {name: {kind: self._path(kind, name) for kind in kinds} for name in names}
        complete, missing = complete_and_missing(places, present)
        dataset = FileDataset(
            name="MCubeS",
            split=split,
            classes=MCUBES,
            modalities=tuple(modalities),
            normalisation={
                name: DEFAULT_NORMALISATION["rgb"] if name == "image" else IDENTITY
                for name in modalities
            },
            root=self.root,
            entries=[Entry(name, places[name]) for name in complete],
            readers={name: McubesReader(name) for name in modalities},
            label_reader=LabelReader(
                id_lookup({i: i for i in range(len(MCUBES))}), first_column=LEFT_COLUMNS
            ),
        )
        return Listing(dataset, missing)

    def _path(self, kind: str, name: str) -> Path:
        folder, suffix = _KINDS[kind]
        return self._tree / folder / f"{name}{suffix}"


@dataclass(frozen=True, slots=True)
class McubesReader:
    """Reads one modality of MCubeS, without the left columns."""

    modality: str

    def __call__(self, files: dict[str, Path]) -> Float32Array:
        """Return float32 [3, H, W]; raises RecordError where a file cannot be used."""
        if self.modality in {"image", "nir"}:
            return _read_fraction(files[self.modality])
        plane = read_plane(files[self.modality])
        planes = [plane] * 3
        if self.modality == "aolp":
            cosine = read_plane(files["aolp.cos"])
            if cosine.shape != plane.shape:
                raise bad_file(files["aolp.cos"], f"{cosine.shape}", f"{plane.shape}, as the sine")
            planes[1] = cosine
        return np.stack(planes)[..., LEFT_COLUMNS:].copy()


def _read_fraction(path: Path) -> Float32Array:
    """Read a picture as fractions of the largest number that it can store."""
    image = read_image(path)
    if image.dtype.kind != "u":
        raise bad_file(path, f"an image of {image.dtype}", "8 or 16 bit")
    scale = 1.0 / np.iinfo(image.dtype).max
    return Encoding((scale, scale, scale)).decode(image[:, LEFT_COLUMNS:])


def is_mcubes(root: Path) -> bool:
    """Say whether a folder looks like MCubeS."""
    return any((tree / _LISTS).is_dir() for tree in (root, root / _TREE))
