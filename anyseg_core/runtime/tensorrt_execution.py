"""One profile of an engine on buffers that stay where they are, replayed as a CUDA graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from anyseg_core.runtime.tensorrt_device import CudaDevice
    from anyseg_core.runtime.tensorrt_engine import Engine
    from anyseg_core.runtime.tensorrt_graph import Shapes

_ALIGNMENT = 256
"""Bytes; what TensorRT's reference asks of a tensor's address."""


class Execution:
    """An execution context with an address for every tensor, for one set of shapes.

    A CUDA graph holds on to addresses: inputs are put where they were given, before ``run``.

    Args:
        engine: the engine; executions of one engine must not overlap.
        shapes: one of its profiles.
        device: where it runs; active.
        given: memory to use for some of the tensors, so that one engine writes what another
            reads. Where it is not aligned as TensorRT asks, it is copied from and to.

    Raises:
        ConfigurationError: the engine was not built for these shapes.
        RuntimeError: TensorRT refuses.
    """

    def __init__(
        self, engine: Engine, shapes: Shapes, device: CudaDevice, given: Mapping[str, Tensor]
    ) -> None:
        self._engine = engine
        self._device = device
        self._context = engine.new_context(shapes, device.stream())
        self._tensors = {
            name: self._bind(name, given.get(name)) for name in (*engine.inputs, *engine.outputs)
        }
        pairs = [(given[name], self._tensors[name], name in engine.inputs) for name in given]
        apart = [each for each in pairs if each[0].data_ptr() != each[1].data_ptr()]
        self._before = [(bound, own) for own, bound, read in apart if read]
        self._after = [(own, bound) for own, bound, read in apart if not read]
        self._replay: Callable[[], None] | None = None

    @property
    def captured(self) -> bool:
        """Whether one launch of a CUDA graph runs it."""
        return self._replay is not None

    def output(self, name: str) -> Tensor:
        """Return the memory that an output is written to, by every run."""
        return self._tensors[name]

    def run(self) -> None:
        """Put the work on PyTorch's current stream.

        Raises:
            RuntimeError: TensorRT refuses.
        """
        if self._replay is not None:
            self._replay()
        else:
            self._enqueue()

    def capture(self) -> None:
        """Record the work as a CUDA graph, if all of it can be recorded."""
        self._enqueue()  # TensorRT puts off some work to a context's first run
        self._device.wait()
        self._replay = self._device.capture(self._enqueue)

    def _enqueue(self) -> None:
        for target, source in self._before:
            target.copy_(source)
        done = self._context.execute_async_v3(self._device.stream())
        self._engine.require(done, "to run")
        for target, source in self._after:
            target.copy_(source)

    def _bind(self, name: str, given: Tensor | None) -> Tensor:
        shape = self._engine.shape(self._context, name)
        dtype = self._engine.types[name]
        if given is not None and (given.shape != shape or given.dtype != dtype):
            raise RuntimeError(
                f"the memory for {name} is {given.dtype} {tuple(given.shape)}, "
                f"TensorRT wants {dtype} {shape}"
            )
        fits = given is not None and given.is_contiguous() and not given.data_ptr() % _ALIGNMENT
        tensor = (
            given
            if given is not None and fits
            else torch.empty(shape, dtype=dtype, device=self._device.torch_device)
        )
        address = tensor.data_ptr()
        self._engine.require(self._context.set_tensor_address(name, address), f"memory for {name}")
        return tensor
