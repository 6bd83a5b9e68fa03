"""A network's engines for one image size, on memory that stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from anyseg_core.runtime.feature_bank import FeatureBank
from anyseg_core.runtime.graph import INPUT, OUTPUTS, feature_names
from anyseg_core.runtime.graph_source import subsets_to_warm
from anyseg_core.runtime.tensorrt_execution import Execution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from torch import Tensor

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
    for each modality, which reads and writes that one's slots in place. The fusion has an engine
    for each number of modalities, or for each subset where they are not treated alike.

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
        self._alike = graphs.alike
        shape = (count, 3, *size)
        self._host_images = device.host_memory(shape, torch.float32)
        self._images = torch.empty(shape, device=device.torch_device)
        self._waiting: set[int] = set()
        one: Shapes = {INPUT: (1, 3, *size)}
        encoder = build(graphs.encoder(size), [one])
        self._names = feature_names(len(encoder.outputs))
        context = encoder.new_context(one, device.stream())
        maps = [encoder.shape(context, name)[1:] for name in self._names]
        self._bank = FeatureBank(count, [(c, h, w) for c, h, w in maps], device.torch_device)
        self._encoders = [self._encoder(encoder, index) for index in range(count)]
        engines = {}
        for subset in subsets_to_warm(modalities, alike=graphs.alike):
            indices = tuple(modalities.index(name) for name in subset)
            engines[indices] = build(graphs.fusion(subset, size), [self._shapes(maps, indices)])
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
            execution = self._fusions[self._fusion_key(indices)]
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
            self._encoders[index].run()
        self._waiting.clear()

    def _executions(self) -> tuple[Execution, ...]:
        return (*self._encoders, *self._fusions.values())

    def _encoder(self, engine: Engine, index: int) -> Execution:
        images = self._images[index : index + 1]
        given = {INPUT: images} | self._features((index,))
        return Execution(engine, {INPUT: tuple(images.shape)}, self._device, given)

    def _features(self, indices: Indices) -> dict[str, Tensor]:
        return dict(zip(self._names, self._bank.gather(indices), strict=True))

    def _shapes(self, maps: Iterable[tuple[int, ...]], indices: Indices) -> Shapes:
        return {name: (len(indices), *shape) for name, shape in zip(self._names, maps, strict=True)}

    def _all_fusions(
        self, engines: Mapping[Indices, Engine], count: int
    ) -> Iterator[tuple[Indices, Execution]]:
        """Yield an execution for each place in memory that features may be fused from."""
        for bits in range(1, 1 << count):
            indices = tuple(index for index in range(count) if bits >> index & 1)
            if self._fusion_key(indices) != indices:
                continue
            engine = engines[tuple(range(len(indices))) if self._alike else indices]
            given = self._features(indices)
            shapes: Shapes = {name: tuple(each.shape) for name, each in given.items()}
            yield indices, Execution(engine, shapes, self._device, given)

    def _fusion_key(self, indices: Indices) -> Indices:
        """Return the subset whose execution serves ``indices``.

        Modalities that are no neighbours are gathered to the same memory whichever they are:
        of those that are treated alike, one subset of each number stands for all.
        """
        is_run = indices[-1] - indices[0] + 1 == len(indices)
        if is_run or not self._alike:
            return indices
        return (*range(len(indices) - 1), len(indices))
