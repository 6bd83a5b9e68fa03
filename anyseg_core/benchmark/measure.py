"""Times of one piece of work and of its peers, taken in turns."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MS_PER_NS = 1e-6
MS_PER_S = 1000.0
_MANY_PER_S = 1e4


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to do a case's work.

    Attributes:
        name: what it is.
        work: does it once.
        least_ratio: its time over ours that is asked for; None where it is only for comparison.
    """

    name: str
    work: Callable[[], object]
    least_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of work.

    Attributes:
        name: what it is, with its sizes.
        work: does it once.
        items: events or points in it; 0 where it is not counted in such.
        peers: other ways to do it.
        least_rate: items per second that are asked for; None where none are.
    """

    name: str
    work: Callable[[], object]
    items: int
    peers: tuple[Peer, ...]
    least_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A case beside one of its peers.

    Attributes:
        name: the case.
        median: time of one run in milliseconds.
        min: the shortest: what the work itself takes on a machine that does other things too.
        max: the longest.
        peer: name of the peer; None where the case has none.
        peer_min: the peer's shortest time in milliseconds.
        ratio: the peer's shortest time over ours: how many times faster ours is.
        rate: items per second in the shortest run.
        wanted: what is asked for, in words; empty where nothing is.
        met: whether that is reached; None where nothing is asked for.
    """

    name: str
    median: float
    min: float
    max: float
    peer: str | None
    peer_min: float | None
    ratio: float | None
    rate: float | None
    wanted: str
    met: bool | None

    def as_json(self) -> dict[str, object]:
        """Return the row as JSON takes it."""
        return asdict(self)


def measure(case: Case, rounds: int) -> list[Row]:
    """Run a case and its peers in turns; returns one row for each peer, or one alone.

    In turns, so that whatever else the machine does falls on all of them alike.

    Args:
        case: what to measure.
        rounds: how often each is run, after one run that is not counted.
    """
    works = [case.work, *(peer.work for peer in case.peers)]
    for work in works:
        work()
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            start_ns = time.perf_counter_ns()
            work()
            taken.append((time.perf_counter_ns() - start_ns) * MS_PER_NS)
    if not case.peers:
        return [_row(case, times[0], None, None)]
    return [
        _row(case, times[0], peer, min(taken))
        for peer, taken in zip(case.peers, times[1:], strict=True)
    ]


def rate_words(per_s: float) -> str:
    """Return a rate as one reads it: frames by the second, events and points by the million."""
    return f"{per_s / 1e6:.3g} M/s" if per_s >= _MANY_PER_S else f"{per_s:.3g}/s"


def _row(case: Case, times: list[float], peer: Peer | None, peer_min: float | None) -> Row:
    shortest = min(times)
    rate = case.items / shortest * MS_PER_S if case.items else None
    ratio = None if peer_min is None else peer_min / shortest
    wanted, met = [], []
    if case.least_rate is not None and rate is not None:
        wanted.append(rate_words(case.least_rate))
        met.append(rate >= case.least_rate)
    if peer is not None and peer.least_ratio is not None and ratio is not None:
        wanted.append(f"{peer.least_ratio:g} x")
        met.append(ratio >= peer.least_ratio)
    return Row(
        name=case.name,
        median=statistics.median(times),
        min=shortest,
        max=max(times),
        peer=None if peer is None else peer.name,
        peer_min=peer_min,
        ratio=ratio,
        rate=rate,
        wanted=", ".join(wanted),
        met=all(met) if met else None,
    )
