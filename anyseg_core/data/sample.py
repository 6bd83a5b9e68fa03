"""What every data set gives, whatever its files look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from anyseg_core.normalisation import normalise_channels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anyseg_core.classes import ClassSet
    from anyseg_core.normalisation import Normalisation
    from anyseg_core.types import Float32Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Sample:
    """One instant: the sensors' images in one image plane, and the truth.

    Attributes:
        name: unique in the data set, for example ``cloud/test/MAP_1_point2/000030``.
        channels: float32 [3, H, W] by modality, before normalisation; all of one size. They may be
            views in any order of memory, and are not to be written to.
        labels: uint8 [H, W] of the same size; 255 is ignored.
        condition: weather or time of day (``cloud``, ...), empty where the set has none.
        failure: DELIVER's failure case (``motionblur``, ...), empty for a normal sample.
    """

    name: str
    channels: dict[str, Float32Array]
    labels: UInt8Array
    condition: str = ""
    failure: str = ""


class SegmentationDataset(Protocol):
    """One split of a data set; picklable, so that worker processes can read from it.

    Attributes:
        name: what to call the set in tables.
        split: ``train``, ``val`` or ``test``.
        classes: the classes that the labels count.
        modalities: those that every sample has, in the set's own order.
        normalisation: of each modality, in the units of ``Sample.channels``.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    def split(self) -> str: ...  # noqa: D102 - described above

    @property
    def classes(self) -> ClassSet: ...  # noqa: D102 - described above

    @property
    def modalities(self) -> tuple[str, ...]: ...  # noqa: D102 - described above

    @property
    def normalisation(self) -> Mapping[str, Normalisation]: ...  # noqa: D102 - described above

    def __len__(self) -> int:
        """Return how many samples the split has."""
        ...

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            RecordError: a file is missing or cannot be read; names it.
            IndexError: there is no such sample.
        """
        ...

    def files(self, index: int) -> dict[str, Path]:
        """Return the files of one sample by modality, and the truth's as ``labels``."""
        ...


def normalised(
    sample: Sample, normalisation: Mapping[str, Normalisation]
) -> dict[str, Float32Array]:
    """Return the network's inputs, float32 [3, H, W] by modality, as the node makes them.

    Args:
        sample: with channels in the units of the statistics.
        normalisation: of each of the sample's modalities.
    """
    return {
        name: normalise_channels(name, channels, normalisation[name])
        for name, channels in sample.channels.items()
    }
