"""The peer of the node: its network without anything around it."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.benchmark.measure import MS_PER_S
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from anyseg_core.runtime import Segmenter
    from anyseg_ros.benchmark.driver import Load


class BareNetwork:
    """The network on tensors that are there.

    Args:
        segmenter: the network, in the runtime that the node uses.
        side: columns and rows.
    """

    def __init__(self, segmenter: Segmenter, side: int) -> None:
        segmenter.warm_up(side, side)
        self._segmenter = segmenter
        images = np.random.default_rng(0).standard_normal((len(MODALITIES), 3, side, side))
        self._tensors = dict(zip(MODALITIES, images.astype(np.float32), strict=True))

    @property
    def description(self) -> str:
        """The runtime, in words."""
        return self._segmenter.description

    def time_ms(self, load: Load, seconds: float) -> float:
        """Return the median time of a run on a load's sensors, each with new readings.

        The runs begin at the load's rate, or one after the other where they take longer, for as
        long as the node has that load: a processor that slept since the last run is slower than
        one that never rests, whoever calls the network.
        """
        tensors = {name: self._tensors[name] for name in load.sensors}
        self._segmenter.segment(tensors)
        count, period_s = load.instants(seconds), 1.0 / load.rate_hz
        taken: list[float] = []
        due_s = time.monotonic()
        end_s = due_s + count * period_s
        while len(taken) < count and due_s < end_s:
            time.sleep(max(0.0, due_s - time.monotonic()))
            begun_s = time.perf_counter()
            self._segmenter.segment(tensors)
            taken.append(time.perf_counter() - begun_s)
            due_s = max(due_s + period_s, time.monotonic())
        return MS_PER_S * statistics.median(taken)
