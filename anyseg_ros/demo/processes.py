"""The rig and the node as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from anyseg_core.errors import AnysegError
from anyseg_ros.resources import config_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

STOP_TIMEOUT_S = 10.0

FAST_DDS_PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Variables that name Fast DDS's configuration: its present one, and that of versions before 3."""


class ProcessFailedError(AnysegError):
    """A process of the demo ended before it should."""


class Processes:
    """Starts modules as processes, keeps their output in files, and stops them all at the end.

    Args:
        log_dir: where their output goes.
    """

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, module: str, parameters: Mapping[str, str]) -> None:
        """Start ``module``, a node, with these ROS parameters."""
        arguments = ["--ros-args"]
        for key, value in parameters.items():
            arguments += ["-p", f"{key}:={value}"]
        self.start_module(name, module, arguments)

    def start_module(self, name: str, module: str, arguments: Sequence[str]) -> None:
        """Start ``module`` with these arguments."""
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own modules
                _command(module, arguments),
                stdout=log,
                stderr=subprocess.STDOUT,
                # a terminal's Ctrl-C must reach the demo alone, which then stops them in order
                start_new_session=True,
            )

    def pid(self, name: str) -> int:
        """Return the number of the process ``name``."""
        return self._running[name].pid

    def check(self) -> None:
        """Raise if a process has ended.

        Raises:
            ProcessFailedError: naming the process, its exit code and its last words.
        """
        for name, process in self._running.items():
            code = process.poll()
            if code is not None:
                lines = self._log(name).read_text(errors="replace").strip().splitlines()
                raise ProcessFailedError(
                    f"an end of {name} (exit code {code}): {lines[-1] if lines else 'no output'}",
                    "it to run until the demo ends",
                    f"read {self._log(name)}",
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._running.values():
            if process.poll() is None:
                # not SIGINT: a shell's background job ignores it, and so does what it starts
                process.terminate()
        for process in self._running.values():
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _log(self, name: str) -> Path:
        return self.log_dir / f"{name}.log"


def isolate_ros() -> None:
    """Keep this process and its children to this machine, away from any robot on the network.

    Fast DDS gets memory enough for large images between them, unless the user has configured it.
    """
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    # domains 1 to 101 are safe on every system; the process id keeps two demos apart
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 101)
    if not any(name in os.environ for name in FAST_DDS_PROFILES):
        os.environ[FAST_DDS_PROFILES[0]] = str(config_file("fast_dds.xml"))


def _command(module: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "anyseg_ros.demo.child", module, *arguments]
