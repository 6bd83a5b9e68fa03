"""Square windows over feature maps, plain and shifted, as Swin Transformer has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class WindowGrid:
    """How a map of a given size is cut into square windows.

    The map is padded below and to the right to whole windows, and rolled by the shift, so that
    every window is whole; ``mask`` then keeps apart what the roll or the padding brought together.
    Source: Liu et al., "Swin Transformer", ICCV 2021, section 3.2.

    Attributes:
        size: (h, w) of the map.
        window: side of a window.
        shifts: rows and columns by which the windows are shifted.
    """

    size: tuple[int, int]
    window: int
    shifts: tuple[int, int]

    @staticmethod
    def of(size: tuple[int, int], window: int, *, shifted: bool) -> WindowGrid:
        """Cut a map; where one window spans an axis there is nothing to shift along it."""
        height, width = (window // 2 if shifted and side > window else 0 for side in size)
        return WindowGrid(size, window, (height, width))

    def _counts(self) -> tuple[int, int]:
        """Rows and columns of windows, in numbers above 0 alone: ONNX rounds others otherwise."""
        height, width = ((side + self.window - 1) // self.window for side in self.size)
        return height, width

    @property
    def number(self) -> int:
        """How many windows there are."""
        rows, columns = self._counts()
        return rows * columns

    def places(self, device: torch.device) -> Tensor:
        """Which cell of the map, row by row, stands at each place of the windows: int64 [J L].

        Padding stands for the first cell.
        """
        height, width = self.size
        cells = torch.arange(height * width, device=device)
        return self.partition(cells.view(1, height, width, 1)).flatten()

    def places_back(self, device: torch.device) -> Tensor:
        """At which place of the windows each cell of the map stands, row by row: int64 [h w]."""
        cells = torch.arange(self.number * self.window**2, device=device)
        return self.merge(cells.view(1, self.number, -1, 1)).flatten()

    def partition(self, maps: Tensor) -> Tensor:
        """Cut maps N x h x w x C into windows N x J x (window window) x C, J windows each."""
        below, right = (
            count * self.window - side
            for count, side in zip(self._counts(), self.size, strict=True)
        )
        padded = functional.pad(maps, (0, 0, 0, right, 0, below)) if below or right else maps
        if any(self.shifts):
            padded = padded.roll((-self.shifts[0], -self.shifts[1]), (1, 2))
        count, height, width, channels = padded.shape
        rows, columns = height // self.window, width // self.window
        cut = padded.view(count, rows, self.window, columns, self.window, channels)
        return cut.transpose(2, 3).reshape(count, rows * columns, self.window**2, channels)

    def merge(self, windows: Tensor) -> Tensor:
        """Put windows N x J x (window window) x C together again: maps N x h x w x C."""
        rows, columns = self._counts()
        channels = windows.shape[3]
        cut = windows.view(windows.shape[0], rows, columns, self.window, self.window, channels)
        padded = cut.transpose(2, 3).reshape(
            windows.shape[0], rows * self.window, columns * self.window, channels
        )
        if any(self.shifts):
            padded = padded.roll(self.shifts, (1, 2))
        return padded[:, : self.size[0], : self.size[1]]

    def mask(self, device: torch.device) -> Tensor | None:
        """Which key each query may see: bool J x (window window) x (window window).

        None where every query may see every key of its window.
        """
        if not any(self.shifts) and not any(side % self.window for side in self.size):
            return None
        rows, columns = (
            (torch.arange(side, device=device) + self.window - shift) // self.window
            for side, shift in zip(self.size, self.shifts, strict=True)
        )
        # One number above 0 per shifted window; the padding is 0 and stays apart.
        numbers = rows[:, None] * (self.size[1] + 1) + columns + 1
        cut = self.partition(numbers[None, :, :, None])[0, :, :, 0]
        return cut[:, :, None] == cut[:, None, :]
