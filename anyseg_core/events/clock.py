"""An event sensor's own time on the host's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAIN = 1 / 64
"""Share of each packet's observed difference that is taken over: jitter averages out, drift not."""

MAX_STEP_NS = 1_000_000_000
"""A larger difference is no drift: the sensor or the host started its clock anew."""


class SensorClock:
    """Maps a sensor's own time to the host's by the packets' header stamps.

    EVT3 carries microseconds since the sensor's start, and its ``time_base`` is undefined, so the
    first packet's header stamp anchors the two clocks and later ones correct the drift slowly.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def to_host(self, t_ns: NDArray[np.int64], stamp_ns: int) -> NDArray[np.int64]:
        """Return one packet's event times on the host's clock.

        Args:
            t_ns: int64 [N], at least one, in the sensor's time.
            stamp_ns: the packet's header stamp: the host's time of its first event.
        """
        observed_ns = stamp_ns - int(t_ns[0])
        if self._offset_ns is None or abs(observed_ns - self._offset_ns) > MAX_STEP_NS:
            self._offset_ns = observed_ns
        # integers throughout: a float of today's nanoseconds is off by up to 128 of them
        self._offset_ns += round(GAIN * (observed_ns - self._offset_ns))
        return t_ns + np.int64(self._offset_ns)
