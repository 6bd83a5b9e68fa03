"""The CUDA device that TensorRT runs on: streams, memory and graphs as PyTorch manages them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from anyseg_core.runtime.graph_segmenter import refuse_device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WORKSPACE_SHARE = 4


@dataclass(frozen=True, slots=True)
class Gpu:
    """What an engine depends on: it runs only on the kind of GPU that it was built on.

    Attributes:
        name: the product, as the driver gives it; a MIG slice has a name of its own.
        capability: CUDA's compute capability, major and minor.
    """

    name: str
    capability: tuple[int, int]


class CudaDevice:
    """One CUDA device, with a stream of its own: the default stream would wait for all others.

    Args:
        device: ``auto``, ``cuda`` or ``cuda:N``.

    Raises:
        ConfigurationError: no such device here.
    """

    def __init__(self, device: str) -> None:
        self.torch_device = _select(device)
        self._stream = torch.cuda.Stream(self.torch_device)  # type: ignore[no-untyped-call]  # torch's own
        properties = torch.cuda.get_device_properties(self.torch_device)
        self.gpu = Gpu(properties.name, (properties.major, properties.minor))
        self.workspace_bytes = properties.total_memory // _WORKSPACE_SHARE

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Make the device and its stream PyTorch's current ones."""
        with torch.cuda.device(self.torch_device), torch.cuda.stream(self._stream):
            yield

    def stream(self) -> int:
        """Return the handle of PyTorch's current stream."""
        return int(torch.cuda.current_stream(self.torch_device).cuda_stream)

    def wait(self) -> None:
        """Wait for all that was put on PyTorch's current stream."""
        torch.cuda.current_stream(self.torch_device).synchronize()

    def host_memory(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Return memory of the host that the device copies from and to on its own."""
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def capture(self, work: Callable[[], None]) -> Callable[[], None] | None:
        """Record what ``work`` puts on the stream; None where it does what cannot be recorded.

        Returns:
            What puts all of it on PyTorch's current stream again, with one launch.
        """
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads of the process may go on using CUDA meanwhile.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                work()
        except RuntimeError:
            return None
        return graph.replay


def _select(device: str) -> torch.device:
    known = "auto, cuda or cuda:N with a GPU that PyTorch sees"
    try:
        selected = torch.device("cuda" if device == "auto" else device)
    except RuntimeError as error:
        raise refuse_device("tensorrt", device, known) from error
    count = torch.cuda.device_count()
    if selected.type != "cuda" or (selected.index or 0) >= count:
        raise refuse_device("tensorrt", device, known)
    return torch.device("cuda", selected.index or 0)
