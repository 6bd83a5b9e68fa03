"""The measures of a street: its bends, lanes, and what interrupts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from anyseg_core.types import Float64Array

PERIOD_M = 360.0
"""The street repeats after this length, so that a drive along it may last for ever."""

BEHIND_M, AHEAD_M = 60.0, 230.0
"""What of the street is there behind the start and beyond the end of one period."""

LANE_M, PARKING_M, SHOULDER_M = 3.3, 2.2, 0.5


@dataclass(frozen=True, slots=True)
class Gap:
    """An interruption of the buildings: ``kind`` is crossing, canal or railway."""

    centre_m: float
    half_m: float
    kind: str


@dataclass(frozen=True, slots=True)
class StreetPlan:
    """Measures of one street; x runs along it, y to the left, right-hand traffic.

    Attributes:
        lanes: lanes in each direction, 1 or 2.
        parking: whether there is a parking lane on either side, else only a narrow shoulder.
        walk_m: width of each side walk, its verge included.
        verge_m: width of the strip of grass between kerb and side walk; 0 for none.
        gaps: in the order of their places, all within one period.
        bend_m: amplitudes of the bends with one and two turns in a period.
        bend_phase: their phases.
    """

    lanes: int
    parking: bool
    walk_m: float
    verge_m: float
    gaps: tuple[Gap, ...]
    bend_m: tuple[float, float]
    bend_phase: tuple[float, float]

    @property
    def road_half_m(self) -> float:
        """Half the width from kerb to kerb."""
        return self.lanes * LANE_M + self.shoulder_m

    @property
    def shoulder_m(self) -> float:
        """Width of the parking lane, or of the shoulder where there is none."""
        return PARKING_M if self.parking else SHOULDER_M

    @property
    def front_m(self) -> float:
        """Distance of the lots from the middle of the street."""
        return self.road_half_m + self.walk_m

    def bend(self, x: ArrayLike) -> Float64Array:
        """Return how far the middle of the street lies to the left at ``x``."""
        turn = 2.0 * np.pi * np.asarray(x, np.float64) / PERIOD_M
        first, second = self.bend_m
        return np.asarray(
            first * np.sin(turn + self.bend_phase[0])
            + second * np.sin(2.0 * turn + self.bend_phase[1])
        )

    def heading(self, x: ArrayLike) -> Float64Array:
        """Return the street's direction at ``x``, radians from the x axis."""
        turn = 2.0 * np.pi * np.asarray(x, np.float64) / PERIOD_M
        scale = 2.0 * np.pi / PERIOD_M
        slope = self.bend_m[0] * np.cos(turn + self.bend_phase[0])
        slope = slope + 2.0 * self.bend_m[1] * np.cos(2.0 * turn + self.bend_phase[1])
        return np.asarray(np.arctan(scale * slope))

    def in_gap(self, x: float, margin_m: float = 0.0) -> Gap | None:
        """Return the gap at ``x``, if there is one."""
        for gap in self.gaps:
            if abs((x - gap.centre_m + PERIOD_M / 2) % PERIOD_M - PERIOD_M / 2) < (
                gap.half_m + margin_m
            ):
                return gap
        return None

    def spans(self) -> tuple[tuple[float, float], ...]:
        """Return the stretches between the gaps, within one period."""
        starts = [0.0, *(gap.centre_m + gap.half_m for gap in self.gaps)]
        ends = [*(gap.centre_m - gap.half_m for gap in self.gaps), PERIOD_M]
        return tuple(zip(starts, ends, strict=True))


def draw_plan(rng: np.random.Generator) -> StreetPlan:
    """Draw the measures of a street: two crossings, a canal and a railway, about 90 m apart."""
    kinds = ["crossing", "crossing", "canal", "railway"]
    rng.shuffle(kinds)
    half = {"crossing": 8.0, "canal": 12.0, "railway": 6.0}
    verge_m = float(rng.uniform(1.0, 1.8)) if rng.uniform() < 0.5 else 0.0
    gaps = [
        Gap(45.0 + 90.0 * index + float(rng.uniform(-14, 14)), half[kind], kind)
        for index, kind in enumerate(kinds)
    ]
    return StreetPlan(
        lanes=1 if rng.uniform() < 0.7 else 2,
        parking=bool(rng.uniform() < 0.6),
        walk_m=float(rng.uniform(2.8, 4.2)) + verge_m,
        verge_m=verge_m,
        gaps=tuple(gaps),
        bend_m=(float(rng.uniform(2, 7)), float(rng.uniform(0.5, 2.5))),
        bend_phase=(float(rng.uniform(0, 6.28)), float(rng.uniform(0, 6.28))),
    )
