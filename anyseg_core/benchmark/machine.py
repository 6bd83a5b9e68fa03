"""The machine and the versions that a measurement belongs to."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from anyseg_core.processes import usable_cores

PACKAGES = ("anyseg_ros", "numpy", "numba", "opencv-python-headless", "torch", "onnx",
            "onnxruntime", "openvino", "evt3", "dv-processing")  # fmt: skip


def describe_machine() -> dict[str, object]:
    """Return processor, cores, load (mean of a minute) and versions, as JSON takes them."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
