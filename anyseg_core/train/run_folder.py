"""The folder of a run: what went in, how it went, and what came out."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

import torch

from anyseg_core import __version__

if TYPE_CHECKING:
    from pathlib import Path


class RunFolder:
    """Names the files of a run and writes the small ones.

    Attributes:
        path: the folder, made if need be.
        state: what the run is taken up from.
        best: the checkpoint with the best validation score.
        last: the checkpoint of the last update.
        metrics: one JSON object a line.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.state = path / "state.safetensors"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.metrics = path / "metrics.jsonl"

    def write_configuration(self, recipe: dict[str, Any], data: dict[str, Any]) -> None:
        """Write ``run.json``: the recipe with every default, the data's hash, the environment."""
        content = {"recipe": recipe, "data": data, "environment": environment()}
        self._replace(self.path / "run.json", json.dumps(content, indent=2) + "\n")

    def append_metrics(self, values: dict[str, Any]) -> None:
        """Append a line to the metrics."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def forget_after(self, update: int) -> None:
        """Drop the metrics of updates that the state taken up does not hold: they come again."""
        if not self.metrics.is_file():
            return
        kept = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines(keepends=True):
            try:
                if line.endswith("\n") and json.loads(line)["update"] <= update:
                    kept.append(line)
            except (json.JSONDecodeError, KeyError, TypeError):
                continue  # half a line: the run was killed while writing it
        self._replace(self.metrics, "".join(kept))

    @staticmethod
    def _replace(path: Path, text: str) -> None:
        part = path.with_name(path.name + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)


def environment() -> dict[str, Any]:
    """Return the versions and the machine that a run depends on."""
    wanted = {"accelerate", "numpy", "opencv-python-headless", "safetensors", "torch"}
    found = {d.name: d.version for d in distributions() if d.name in wanted}
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "anyseg": __version__,
        "python": sys.version.split()[0],
        "packages": dict(sorted(found.items())),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "devices": devices,
    }
