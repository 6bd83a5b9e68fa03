"""A network's graphs in int8, calibrated on samples of what its sensors see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from anyseg_core.runtime.graph import INPUT, feature_names, map_names
from anyseg_core.runtime.quantisation import open_float, quantise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import Graph, GraphSource
    from anyseg_core.runtime.head_tail import Classifier
    from anyseg_core.types import Float32Array


class QuantisedGraphs:
    """Another source's graphs in int8; see ``GraphSource``.

    Int8 are the encoder, but for its first convolution, and the fusion as far as the head's maps.
    The images themselves stay float32: a depth in metres has more than 256 steps. So do branches:
    their depth-wise convolutions gain nothing. So does the fusion in one graph, which is for GPUs.

    Args:
        graphs: the float32 graphs.
        samples: what the sensors see at one instant each, all of one size.

    Raises:
        ConfigurationError, MissingDependencyError: as ``quantise``.
    """

    def __init__(self, graphs: GraphSource, samples: Sequence[Mapping[str, Float32Array]]) -> None:
        self._graphs = graphs
        self._samples = samples
        self._made: dict[bytes, bytes] = {}

    @property
    def card(self) -> ModelCard:
        """The network's card."""
        return self._graphs.card

    @property
    def has_branches(self) -> bool:
        """Whether each modality has a graph of its own between encoder and fusion."""
        return self._graphs.has_branches

    @property
    def classifier(self) -> Classifier:
        """The head's last layer."""
        return self._graphs.classifier

    def encoder(self, size: Size) -> bytes:
        """Return the ONNX file that encodes images of ``size`` in int8.

        Raises:
            ConfigurationError: the source has no ONNX file.
        """
        content = _read(self._graphs.encoder(size))
        if content not in self._made:
            images = (image for sample in self._samples for image in sample.values())
            feeds = ({INPUT: image[None]} for image in images)
            self._made[content] = quantise(content, feeds, exact=(INPUT,))
        return self._made[content]

    def branch(self, name: str, size: Size) -> Graph:
        """Return the source's graph of one modality's branch."""
        return self._graphs.branch(name, size)

    def fusion(self, size: Size) -> Graph:
        """Return the source's graph that fuses modalities."""
        return self._graphs.fusion(size)

    def fused_maps(self, size: Size) -> bytes:
        """Return the ONNX file of the fusion as far as the head's maps, in int8.

        Raises:
            ConfigurationError: the source has no ONNX file.
        """
        content = _read(self._graphs.fused_maps(size))
        if content not in self._made:
            self._made[content] = quantise(content, self._features(size))
        return self._made[content]

    def _features(self, size: Size) -> Iterator[dict[str, Float32Array]]:
        """Give the features of each sample in float32: of each modality alone, then of all."""
        encoder = open_float(_read(self._graphs.encoder(size)))
        names = self.card.spec.modalities if self.has_branches else ()
        branches = {name: open_float(_read(self._graphs.branch(name, size))) for name in names}
        for sample in self._samples:
            made = []
            for name, image in sample.items():
                features = encoder.run(None, {INPUT: _resized(image, size)[None]})
                if name in branches:
                    maps = dict(zip(map_names(len(features)), features, strict=True))
                    features = branches[name].run(None, maps)
                made.append(features)
            stacked = [np.concatenate(each) for each in zip(*made, strict=True)]
            for features in (*made, stacked):
                yield dict(zip(feature_names(len(features)), features, strict=True))


def _read(graph: Graph) -> bytes:
    return graph if isinstance(graph, bytes) else graph.read_bytes()


def _resized(image: Float32Array, size: Size) -> Float32Array:
    """Bring an image to the size that a graph is bound to."""
    if image.shape[1:] == size:
        return image
    given = torch.from_numpy(image)[None]
    resized: Float32Array = functional.interpolate(
        given, size, mode="bilinear", align_corners=False
    )[0].numpy()
    return resized
