# ruff: noqa: INP001 - the scripts are no package
"""Draw a picture in docs/images: loss and validation of one training run.

python scripts/draw_training_curve.py runs/street_charm/metrics.jsonl training_curve.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

PICTURES = Path(__file__).parents[1] / "docs" / "images"
SETS = {
    "rgb+depth+event+lidar": "all four",
    "rgb": "RGB",
    "depth": "depth",
    "lidar": "LiDAR",
    "event": "events",
}
SMOOTHED_OVER = 10


def main(metrics: Path, picture: str) -> None:
    """Draw the run that wrote ``metrics``."""
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    figure, (losses, scores) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    _draw_losses(losses, [row for row in rows if "loss_sup" in row])
    for key, words in SETS.items():
        found = [(row["update"], 100 * row["miou"][key]) for row in rows if "miou" in row]
        scores.plot(*zip(*found, strict=True), marker="o", markersize=3, label=words)
    scores.set(ylabel="mIoU of the validation frames, %", ylim=(0, 70))
    scores.legend(frameon=False)
    for axes in (losses, scores):
        axes.set_xlabel("update")
        axes.grid(alpha=0.3)
    figure.savefig(PICTURES / picture, dpi=110)


def _draw_losses(axes: Any, rows: list[dict[str, Any]]) -> None:  # noqa: ANN401 - matplotlib's own
    updates, values = [row["update"] for row in rows], [row["loss_sup"] for row in rows]
    windows = [values[max(0, i - SMOOTHED_OVER) : i + 1] for i in range(len(values))]
    axes.plot(updates, values, linewidth=0.4, color="#bbbbbb")
    axes.plot(updates, [sum(window) / len(window) for window in windows], color="#1f5fa8")
    axes.set(ylabel="cross-entropy of the collaborative path", ylim=(0, 4))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
