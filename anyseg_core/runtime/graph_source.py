"""Where a runtime's graphs come from: a model in memory, or a folder that was exported."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.head_tail import Classifier

Graph = bytes | Path
"""An ONNX file's content, or the path of an ONNX or OpenVINO file."""


class GraphSource(Protocol):
    """The graphs that one network is made of."""

    @property
    def card(self) -> ModelCard:
        """The network's card; one without a hash has random weights."""
        ...

    @property
    def has_branches(self) -> bool:
        """Whether each modality has a graph of its own between encoder and fusion."""
        ...

    @property
    def classifier(self) -> Classifier:
        """The head's last layer; raises as ``encoder``."""
        ...

    def encoder(self, size: Size) -> Graph:
        """Return the graph that encodes images of ``size``, of all modalities.

        Raises:
            ConfigurationError: it cannot be made.
            CheckpointError: an export does not hold it.
        """
        ...

    def branch(self, name: str, size: Size) -> Graph:
        """Return the graph that goes on with the maps of one modality; raises as ``encoder``."""
        ...

    def fusion(self, size: Size) -> Graph:
        """Return the graph that fuses any number of modalities; raises as ``encoder`` does."""
        ...

    def fused_maps(self, size: Size) -> Graph:
        """Return the graph of the fusion as far as the head's maps; raises as ``encoder`` does.

        Not for modalities that meet in the head.
        """
        ...


def subsets_to_warm(modalities: tuple[str, ...], *, alike: bool) -> tuple[tuple[str, ...], ...]:
    """Return the subsets that between them need every shape there is.

    One of each number, as the fusion treats all modalities alike; else every one.
    """
    counts = range(1, len(modalities) + 1)
    if alike:
        return tuple(modalities[:count] for count in counts)
    return tuple(subset for count in counts for subset in combinations(modalities, count))
