"""The figures of a live replay, as JSON and on the terminal."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from anyseg_core.segmentation import subset_letters
from anyseg_core.types import NS_PER_MS
from anyseg_ros.live_replay.comparison import EQUAL, MEANINGS, compare
from anyseg_ros.live_replay.session import play_live

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from anyseg_core.replay import ReplaySettings
    from anyseg_core.replay.timeline import FrameRow
    from anyseg_ros.live_replay.comparison import Compared
    from anyseg_ros.live_replay.session import LiveRecording


def live_figures(settings: ReplaySettings, offline: Sequence[FrameRow], rate: float) -> Any:
    """Play a bag live and return how its masks differ from the replay's, as JSON values.

    Args:
        settings: of the replay.
        offline: the frames of the replay without faults.
        rate: bag time to real time.

    Raises:
        AnysegError: see ``play_live``.
    """
    recording = play_live(settings, rate)
    return figures_of(recording, compare(offline, recording.frames, recording.dropped), rate)


def figures_of(recording: LiveRecording, compared: Sequence[Compared], rate: float) -> Any:
    """Return what a live replay gave, as JSON values.

    Latencies count from the reference's stamp to the mask's arrival at a listener, in the bag's
    time.
    """
    outcomes = Counter(one.outcome for one in compared)
    causes = Counter((one.outcome, one.why) for one in compared if one.outcome != EQUAL)
    masks, played_s = len(recording.frames), recording.played_s
    return {
        "rate": rate,
        "runtime": recording.runtime,
        "masks": masks,
        "frames": {outcome: outcomes[outcome] for outcome in MEANINGS},
        "causes": [
            {"outcome": outcome, "why": why, "frames": count}
            for (outcome, why), count in causes.most_common()
        ],
        "latency_ms": _latencies(recording),
        "masks_per_s": masks / played_s if played_s else None,
        "messages": recording.sent,
        "played_s": played_s,
        "rejected": dict(sorted(recording.rejected.items())),
        "each": [
            {"stamp_ns": one.stamp_ns, "outcome": one.outcome, "why": one.why} for one in compared
        ],
    }


def _latencies(recording: LiveRecording) -> dict[str, dict[str, float]]:
    by_subset: defaultdict[str, list[float]] = defaultdict(list)
    for frame in recording.frames:
        latency_ms = (frame.arrived_ns - frame.stamp_ns) / NS_PER_MS
        by_subset[subset_letters(frame.used)].append(latency_ms)
    return {
        letters: {
            "frames": len(values),
            "p50": float(np.percentile(values, 50)),
            "p95": float(np.percentile(values, 95)),
        }
        for letters, values in sorted(by_subset.items())
    }


def print_figures(console: Console, figures: Mapping[str, Any]) -> None:
    """Print what ``live_figures`` gave."""
    table = Table("through the running node", "frames", "why")
    for outcome, count in figures["frames"].items():
        causes = [one for one in figures["causes"] if one["outcome"] == outcome]
        why = "\n".join(f"{one['frames']} x {one['why']}" for one in causes)
        if count:
            table.add_row(MEANINGS[outcome], str(count), why)
    console.print(table)
    latency = Table("sensors used", "masks", "latency p50 ms", "p95 ms")
    for letters, one in figures["latency_ms"].items():
        latency.add_row(letters, str(one["frames"]), f"{one['p50']:.0f}", f"{one['p95']:.0f}")
    console.print(latency)
    console.print(
        f"{figures['messages']} messages played in {figures['played_s']:.1f} s, "
        f"{figures['masks_per_s']:.1f} masks/s; {figures['runtime']}",
        markup=False,
    )
    for name, why in figures["rejected"].items():
        console.print(f"{name}: messages were left out: {why}", markup=False)
