"""The state that Any2Seg carries from frame to frame of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class CarriedState:
    """Keeps the last frame's state for the next one, as long as it is young enough.

    Args:
        max_age_ns: a state older than this at the next frame is forgotten.
    """

    def __init__(self, max_age_ns: int) -> None:
        self._max_age_ns = max_age_ns
        self._stamp_ns = 0
        self._state: tuple[Tensor, ...] = ()

    def recall(self, stamp_ns: int) -> tuple[Tensor, ...]:
        """Return the state for a frame at ``stamp_ns``; empty if there is none, or after a jump.

        A jump is a stamp that is not later than the last one, or later by more than the bound.
        """
        if not 0 < stamp_ns - self._stamp_ns <= self._max_age_ns:
            self.reset()
        return self._state

    def keep(self, stamp_ns: int, state: tuple[Tensor, ...]) -> None:
        """Keep the state of the frame at ``stamp_ns``, without the graph that made it."""
        self._stamp_ns = stamp_ns
        self._state = tuple(fused.detach() for fused in state)

    def reset(self) -> None:
        """Forget the state."""
        self._state = ()
