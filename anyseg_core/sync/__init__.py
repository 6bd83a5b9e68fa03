"""The availability-aware approximate-time synchroniser: sets from whatever sensors are there."""

from anyseg_core.sync.counts import StreamCounts
from anyseg_core.sync.records import AbsenceReason, FrameSet, Reading, Stream
from anyseg_core.sync.synchronizer import Synchronizer

__all__ = ["AbsenceReason", "FrameSet", "Reading", "Stream", "StreamCounts", "Synchronizer"]
