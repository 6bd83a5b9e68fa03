"""What goes into the synchroniser and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from anyseg_core.errors import ConfigurationError
from anyseg_core.sync.checks import check_int

Mode = Literal["nearest", "window"]


class AbsenceReason(StrEnum):
    """Why a stream has no reading in a set; the first that holds, in this order.

    ``never_seen``: no reading since the start or the last reset.
    ``stale``: its last new reading came ``timeout_ns`` or more ago, by the arrival clock.
    ``out_of_tolerance``: it has newer readings but none within tolerance (none in the window),
    or its learned period says that its next one falls outside, or its clock is out of step.
    ``late``: it is live, but its reading had not come when the bounded wait ended.
    """

    NEVER_SEEN = "never_seen"
    STALE = "stale"
    OUT_OF_TOLERANCE = "out_of_tolerance"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Stream:
    """One input of the synchroniser.

    Attributes:
        name: the sensor's name, unique among the streams.
        mode: ``nearest`` takes the one reading nearest to the set's instant, ``window`` takes all
            readings of the last ``window_ns``.
        tolerance_ns: how far the nearest reading may lie from the instant; a window has none.
        timeout_ns: a stream silent for so long, by the arrival clock, is not waited for.
        window_ns: length of the window; needed by mode ``window`` alone.
        offset_ns: added to the stamps, for a sensor whose clock leads or lags by a known time.

    Raises:
        ConfigurationError: a value that makes no sense.
    """

    name: str
    mode: Mode = "nearest"
    tolerance_ns: int = 50_000_000
    timeout_ns: int = 1_000_000_000
    window_ns: int = 0
    offset_ns: int = 0

    def __post_init__(self) -> None:
        where = f"of stream {self.name!r}"
        if not self.name:
            raise ConfigurationError(f"a stream named {self.name!r}", "a name", "name the stream")
        if self.mode not in ("nearest", "window"):
            raise ConfigurationError(
                f"mode {self.mode!r} {where}", "'nearest' or 'window'", "choose one of the two"
            )
        least_window = 1 if self.mode == "window" else 0
        check_int(f"tolerance_ns {where}", self.tolerance_ns, at_least=0)
        check_int(f"timeout_ns {where}", self.timeout_ns, at_least=1)
        check_int(f"window_ns {where} (mode {self.mode})", self.window_ns, at_least=least_window)
        check_int(f"offset_ns {where}", self.offset_ns, at_least=None)

    @property
    def reach_ns(self) -> int:
        """How far before a set's instant a reading of this stream can still be of use."""
        return self.window_ns if self.mode == "window" else self.tolerance_ns


@dataclass(frozen=True, slots=True)
class Reading:
    """One message as the synchroniser holds it.

    Attributes:
        stamp_ns: the sensor's stamp with the stream's ``offset_ns`` added.
        payload: what was pushed, untouched.
        arrival_ns: when it was pushed, by the caller's clock.
    """

    stamp_ns: int
    payload: object
    arrival_ns: int


@dataclass(frozen=True, slots=True)
class FrameSet:
    """One instant: the readings that belong to it, and why each other stream is absent.

    Attributes:
        stamp_ns: the instant, the reference reading's stamp (offset added).
        reference: the stream that gave the instant.
        readings: by stream, a reading (nearest) or the tuple of readings, oldest first (window).
        absent: by stream, the reason; every stream is either here or in ``readings``.
        epoch: how many resets came before; stamps rise strictly within an epoch.
    """

    stamp_ns: int
    reference: str
    readings: dict[str, Reading | tuple[Reading, ...]]
    absent: dict[str, AbsenceReason]
    epoch: int = 0
