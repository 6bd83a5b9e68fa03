"""A network's engines for one image size, on memory that stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from anyseg_core.runtime.feature_bank import FeatureBank
from anyseg_core.runtime.graph import INPUT, OUTPUTS, feature_names, map_names
from anyseg_core.runtime.tensorrt_execution import Execution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from anyseg_core.runtime.graph import Size
    from anyseg_core.runtime.graph_source import Graph, GraphSource
    from anyseg_core.runtime.tensorrt_device import CudaDevice
    from anyseg_core.runtime.tensorrt_engine import Engine
    from anyseg_core.runtime.tensorrt_graph import Shapes
    from anyseg_core.types import Float32Array, UInt8Array

    BuildEngine = Callable[[Graph, Sequence[Shapes]], Engine]

Indices = tuple[int, ...]
"""Places of modalities in the card's list, rising."""


class TensorrtNetwork:
    """See ``SizedNetwork``: images wait on the host until ``fuse`` takes them up in one copy.

    The encoder takes one image at a time: kernels, and so the last bits, would differ between
    numbers of images, and kept features are to be those of an encoding anew. It has an execution
    for each modality, which reads and writes that one's slots in place; where modalities have
    branches, an engine each, the encoder's maps lie between. The fusion has an engine for each
    number of modalities.

    Args:
        build: gives the engine of a graph for some shapes.
        graphs: the network's graphs and card.
        size: height and width of the images.
        device: where it runs; active.

    Raises:
        AnysegError: a graph or an engine cannot be had.
        RuntimeError: TensorRT refuses, for lack of memory as a rule.
    """

    def __init__(
        self, build: BuildEngine, graphs: GraphSource, size: Size, device: CudaDevice
    ) -> None:
        self._device = device
        modalities = graphs.card.spec.modalities
        count = len(modalities)
        shape = (count, 3, *size)
        self._host_images = device.host_memory(shape, torch.float32)
        self._images = torch.empty(shape, device=device.torch_device)
        self._waiting: set[int] = set()
        one: Shapes = {INPUT: (1, 3, *size)}
        encoder = build(graphs.encoder(size), [one])
        maps = _output_shapes(encoder, one, map_names(len(encoder.outputs)), device)
        branches = []
        features = maps
        if graphs.has_branches:
            branches = [build(graphs.branch(name, size), [maps]) for name in modalities]
            names = feature_names(len(branches[0].outputs))
            features = _output_shapes(branches[0], maps, names, device)
        self._names = feature_names(len(features))
        shapes = [each[1:] for each in features.values()]
        self._bank = FeatureBank(count, shapes, device.torch_device)
        self._encoders = [
            self._encoder(encoder, branches[index : index + 1], maps, index)
            for index in range(count)
        ]
        engines = [
            build(graphs.fusion(size), [self._shapes(shapes, number)])
            for number in range(1, count + 1)
        ]
        self._fusions = dict(self._all_fusions(engines, count))
        self._host_outputs = [
            device.host_memory(each.shape, each.dtype)
            for each in map(self._fusions[tuple(range(count))].output, OUTPUTS)
        ]
        for execution in self._executions():
            execution.capture()

    @property
    def captured(self) -> bool:
        """Whether every shape is run by launching a CUDA graph."""
        return all(execution.captured for execution in self._executions())

    def encode(self, index: int, image: Float32Array) -> None:
        """Take an image for one modality; see ``SizedNetwork``."""
        self._host_images[index].copy_(torch.from_numpy(image))
        self._waiting.add(index)

    def fuse(self, indices: Indices) -> tuple[UInt8Array, UInt8Array, Float32Array]:
        """Encode what waits, then fuse; see ``SizedNetwork``.

        Raises:
            RuntimeError: TensorRT or CUDA fails; what waits still does.
        """
        with self._device.active():
            self._encode_waiting()
            self._bank.gather(indices)  # copies where they are no neighbours
            execution = self._fusions[_fusion_key(indices)]
            execution.run()
            for name, host in zip(OUTPUTS, self._host_outputs, strict=True):
                result = execution.output(name)
                host[: len(result)].copy_(result, non_blocking=True)
            self._device.wait()
        labels, confidence, weights = (each.numpy() for each in self._host_outputs)
        return labels.copy(), confidence.copy(), weights[: len(indices)].copy()

    def _encode_waiting(self) -> None:
        if not self._waiting:
            return
        span = slice(min(self._waiting), max(self._waiting) + 1)
        self._images[span].copy_(self._host_images[span], non_blocking=True)
        for index in sorted(self._waiting):
            for execution in self._encoders[index]:
                execution.run()
        self._waiting.clear()

    def _executions(self) -> tuple[Execution, ...]:
        encoders = (execution for each in self._encoders for execution in each)
        return (*encoders, *self._fusions.values())

    def _encoder(
        self, encoder: Engine, branches: Sequence[Engine], maps: Shapes, index: int
    ) -> tuple[Execution, ...]:
        """Return what encodes one modality, one after the other."""
        images = self._images[index : index + 1]
        slots = dict(zip(self._names, self._bank.slot(index), strict=True))
        shapes: Shapes = {INPUT: tuple(images.shape)}
        if not branches:
            written = dict(zip(maps, slots.values(), strict=True))
            return (Execution(encoder, shapes, self._device, {INPUT: images} | written),)
        first = Execution(encoder, shapes, self._device, {INPUT: images})
        given = {name: first.output(name) for name in maps} | slots
        return first, *(Execution(branch, maps, self._device, given) for branch in branches)

    def _shapes(self, shapes: Iterable[tuple[int, ...]], count: int) -> Shapes:
        return {name: (count, *shape) for name, shape in zip(self._names, shapes, strict=True)}

    def _all_fusions(
        self, engines: Sequence[Engine], count: int
    ) -> Iterator[tuple[Indices, Execution]]:
        """Yield an execution for each place in memory that features may be fused from."""
        for bits in range(1, 1 << count):
            indices = tuple(index for index in range(count) if bits >> index & 1)
            if _fusion_key(indices) != indices:
                continue
            given = dict(zip(self._names, self._bank.gather(indices), strict=True))
            shapes: Shapes = {name: tuple(each.shape) for name, each in given.items()}
            yield indices, Execution(engines[len(indices) - 1], shapes, self._device, given)


def _output_shapes(
    engine: Engine, given: Shapes, names: Iterable[str], device: CudaDevice
) -> Shapes:
    context = engine.new_context(given, device.stream())
    return {name: engine.shape(context, name) for name in names}


def _fusion_key(indices: Indices) -> Indices:
    """Return the subset whose execution serves ``indices``.

    Modalities that are no neighbours are gathered to the same memory whichever they are, so one
    subset of each number stands for all of them.
    """
    is_run = indices[-1] - indices[0] + 1 == len(indices)
    return indices if is_run else (*range(len(indices) - 1), len(indices))
