"""What is added to the attention scores inside a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from anyseg_core.models.windows import WindowGrid


class WindowBias(nn.Module):
    """A learnt bias per head and relative position, and -inf for keys of another window.

    Source: Liu et al., "Swin Transformer", ICCV 2021, Eq. 4.

    Args:
        window: side of a window.
        heads: attention heads.
    """

    def __init__(self, window: int, heads: int) -> None:
        super().__init__()
        self.window = window
        self.table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))

    def forward(self, grid: WindowGrid, query: Tensor, repeats: int) -> Tensor:
        """Return what to add to the scores of a query (B J) x heads x L x d, J windows a sample.

        Args:
            grid: how the map is cut.
            query: gives the type, the device and B J.
            repeats: how many sets of L keys each query sees, one after the other.

        Returns:
            A tensor that broadcasts to (B J) x heads x L x (repeats L).
        """
        bias = self.table[self._index(query.device)].permute(2, 0, 1).to(query.dtype).unsqueeze(0)
        mask = grid.mask(query.device)
        if mask is not None:
            bias = bias.masked_fill(~mask[:, None], float("-inf"))
            bias = bias.repeat(query.shape[0] // len(mask), 1, 1, 1)
        return bias.repeat(1, 1, 1, repeats)

    def _index(self, device: torch.device) -> Tensor:
        """The table's row for each pair of places of a window, L x L."""
        steps = torch.arange(self.window, device=device)
        rows, columns = steps.repeat_interleave(self.window), steps.repeat(self.window)
        down = rows[:, None] - rows + self.window - 1
        right = columns[:, None] - columns + self.window - 1
        return down * (2 * self.window - 1) + right
