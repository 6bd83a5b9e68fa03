"""What is told of the node: a row for each load, with every round's figures in it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from anyseg_core.benchmark.measure import MS_PER_S
from anyseg_core.segmentation import subset_letters
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from anyseg_ros.benchmark.driver import Load, Measured

PEER = "bare network"
LEAST_RATIO = 1 / 1.12
"""The node may take 12 % more than the network alone, from topic in to mask out."""
SPARE = 0.8
"""Below this part of the network's time the node is not pressed, and latency is what it adds."""
LEAST_RATE_HZ, SMALL_SIDE = 20.0, 256
"""Masks a second that are asked for of four small sensors on 2 cores."""
LARGE_SIDE = 512
"""From this size on the 12 % are asked for."""

HEADINGS = (
    "sensors", "Hz", "masks/s", "p50", "p95", "max", "own", "network", "over", "complete",
    "dropped", "cores", "MiB"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One load over all rounds.

    Attributes:
        load: what was sent.
        side: columns and rows of the network's input.
        rounds: what came of it each time.
        network_ms: median time of the bare network just before each time.
    """

    load: Load
    side: int
    rounds: tuple[Measured, ...]
    network_ms: tuple[float, ...]

    @property
    def name(self) -> str:
        """What was sent, in words."""
        letters = subset_letters(self.load.sensors)
        return f"{letters} at {self.load.rate_hz:g} Hz, {self.side} x {self.side}"

    @property
    def latency_ms(self) -> float:
        """The median of the rounds' median latencies."""
        return statistics.median(each.p50_ms for each in self.rounds)

    @property
    def ratio(self) -> float:
        """The network's time over the node's latency, both at their best."""
        return min(self.network_ms) / min(each.p50_ms for each in self.rounds)

    @property
    def wanted(self) -> str:
        """What is asked for, in words; empty where nothing is."""
        if len(self.load.sensors) < len(MODALITIES):
            return ""
        is_pressed = self.load.rate_hz * min(self.network_ms) > SPARE * MS_PER_S
        if self.side >= LARGE_SIDE and not is_pressed:
            return "at most 12 % over the network"
        if self.side <= SMALL_SIDE and self.load.rate_hz > LEAST_RATE_HZ:
            return f"{LEAST_RATE_HZ:g} masks/s"
        return ""

    @property
    def met(self) -> bool | None:
        """Whether that is reached; None where nothing is asked for."""
        if not self.wanted:
            return None
        if "masks" in self.wanted:
            return max(each.rate_hz for each in self.rounds) >= LEAST_RATE_HZ
        return self.ratio >= LEAST_RATIO

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON takes it: times in milliseconds."""
        latencies = [each.p50_ms for each in self.rounds]
        names = ("p50_ms", "p95_ms", "max_ms", "own_ms", "rate_hz", "cpu_share", "peak_mib")
        counts = ("sent", "received", "complete", "dropped")
        return {
            "name": self.name,
            "sensors": subset_letters(self.load.sensors),
            "input_hz": self.load.rate_hz,
            "median": self.latency_ms,
            "min": min(latencies),
            "max": max(latencies),
            "peer": PEER,
            "peer_min": min(self.network_ms),
            "ratio": self.ratio,
            "wanted": self.wanted,
            "met": self.met,
            "network_ms": _spread(list(self.network_ms)),
            **{name: _spread([getattr(each, name) for each in self.rounds]) for name in names},
            **{name: sum(getattr(each, name) for each in self.rounds) for name in counts},
        }

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells, in the order of ``HEADINGS``."""
        dropped, sent, complete, received = (
            sum(getattr(each, name) for each in self.rounds)
            for name in ("dropped", "sent", "complete", "received")
        )
        return (
            subset_letters(self.load.sensors),
            f"{self.load.rate_hz:g}",
            f"{self._median('rate_hz'):.1f}",
            f"{self.latency_ms:.1f}",
            f"{self._median('p95_ms'):.1f}",
            f"{max(each.max_ms for each in self.rounds):.1f}",
            f"{self._median('own_ms'):.1f}",
            f"{min(self.network_ms):.1f}",
            f"{100 * (1 / self.ratio - 1):+.0f} %",
            f"{complete}/{received}",
            f"{dropped}/{sent}",
            f"{self._median('cpu_share'):.2f}",
            f"{max(each.peak_mib for each in self.rounds):.0f}",
        )

    def _median(self, name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in self.rounds))


def screen_table(rows: list[NodeRow]) -> Table:
    """Return the rows for the screen; green reaches what is asked for, red does not."""
    table = Table(*HEADINGS)
    for row in rows:
        table.add_row(*row.cells(), style={None: "", True: "green", False: "red"}[row.met])
    return table


def markdown_table(rows: list[NodeRow]) -> str:
    """Return the rows as Markdown, and what is asked for below."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row.cells() for row in rows)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    return table + "".join(f"\n{line}\n" for line in verdicts(rows))


def verdicts(rows: list[NodeRow]) -> list[str]:
    """Return a line for each row of which something is asked."""
    words = {True: "reached", False: "missed"}
    return [f"{row.name}: {row.wanted}: {words[row.met]}" for row in rows if row.met is not None]


def _spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}
