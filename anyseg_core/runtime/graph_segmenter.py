"""What the runtimes of exported graphs share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anyseg_core.errors import ConfigurationError
from anyseg_core.runtime.graph_source import subsets_to_warm
from anyseg_core.runtime.inputs import check_tensors
from anyseg_core.runtime.kept_readings import KeptReadings
from anyseg_core.runtime.segmenter import Prediction
from anyseg_core.runtime.warming import WarmUp, measure_warm_up

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import GraphSource
    from anyseg_core.types import Float32Array, UInt8Array

_SIZES = 4
"""Image sizes that a network stays ready for: features of one alone may take 64 MiB."""


class SizedNetwork(Protocol):
    """A network's graphs in some runtime, ready for images of one size.

    It holds the features of every modality that it encoded, each until the next of that modality.
    Modalities are given by their place in the card's list.
    """

    def encode(self, index: int, image: Float32Array) -> None:
        """Encode the image 3 x H x W of one modality and hold its features."""
        ...

    def fuse(self, indices: tuple[int, ...]) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        """Return labels and confidence H x W, and weights [M], of the M modalities ``indices``.

        The indices rise. The arrays are the caller's own.
        """
        ...


class GraphSegmenter(ABC):
    """A network as graphs in some runtime; see ``Segmenter`` for the interface.

    The encoder runs on one modality at a time, so that it has one shape whatever sensors are left.

    Args:
        graphs: the network's graphs and card.
    """

    def __init__(self, graphs: GraphSource) -> None:
        self._graphs = graphs
        self._modalities = graphs.card.spec.modalities
        self._networks: dict[Size, SizedNetwork] = {}
        self._kept: dict[Size, KeptReadings] = {}

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        return self._graphs.card

    @property
    def trained(self) -> bool:
        """Whether the weights come from training."""
        return bool(self.card.sha256)

    @property
    @abstractmethod
    def description(self) -> str:
        """The runtime and device, in words."""

    @abstractmethod
    def _build(self, size: Size) -> SizedNetwork:
        """Make the network ready for images of ``size``, as far as no subset must be known."""

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant.

        Args:
            tensors: normalised float32 [3, H, W] per modality, all of one size.
            readings: see ``Segmenter.segment``.

        Raises:
            RecordError: no modality, an unknown one, or sizes that differ or are too small.
        """
        names = check_tensors(tensors, self._modalities)
        height, width = tensors[names[0]].shape[1:]
        network = self._network((height, width))
        kept = self._kept[height, width]
        for name in names:
            if not kept.holds(name, readings):
                kept.forget(name)
                network.encode(self._modalities.index(name), tensors[name])
                kept.keep(name, readings)
        labels, confidence, weights = network.fuse(self._indices(names))
        shares = {name: float(weight) for name, weight in zip(names, weights, strict=True)}
        return Prediction(labels, confidence, shares)

    def warm_up(self, width: int, height: int) -> WarmUp:
        """Encode every modality at ``width`` x ``height``, and fuse every number of them.

        Raises:
            AnysegError: a graph for this size cannot be had.
        """
        return measure_warm_up(lambda: self._run_all((height, width)))

    def _run_all(self, size: Size) -> int:
        network, kept = self._network(size), self._kept[size]
        blank = np.zeros((3, *size), np.float32)
        for index, name in enumerate(self._modalities):
            kept.forget(name)
            network.encode(index, blank)
        subsets = subsets_to_warm(self._modalities, alike=True)
        for subset in subsets:
            network.fuse(self._indices(subset))
        return len(subsets)

    def _network(self, size: Size) -> SizedNetwork:
        network = self._networks.pop(size, None)
        if network is None:
            network = self._build(size)
            self._kept[size] = KeptReadings()
        self._networks[size] = network  # the latest stands last
        if len(self._networks) > _SIZES:
            oldest = next(iter(self._networks))
            del self._networks[oldest], self._kept[oldest]
        return network

    def _indices(self, names: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self._modalities.index(name) for name in names)


def refuse_device(backend: str, device: str, known: str) -> ConfigurationError:
    """Return the error for a device that a backend does not have here."""
    return ConfigurationError(
        f"device {device!r} with the backend {backend}", known, "choose another device or backend"
    )
