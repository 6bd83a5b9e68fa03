"""Becomes Rerun's viewer server, on loopback alone and with its usage statistics off.

``python -m anyseg_ros.demo.viewer_server DATA_PORT PAGE_PORT FOLDER``; FOLDER keeps its settings.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

LOOPBACK = "127.0.0.1"
MEMORY_LIMIT = "512MB"


def viewer_binary() -> Path | None:
    """Return the viewer that comes in the package rerun-sdk; None where that is not installed."""
    found = importlib.util.find_spec("rerun_cli")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("rerun")
    return path if path.is_file() else None


def main() -> None:
    """Switch the statistics off, then take the place of this process by the server."""
    data_port, page_port, folder = sys.argv[1:]
    binary = viewer_binary()
    assert binary is not None  # the demo looked
    # its own settings, not the user's: those stay as the user has them
    environment = os.environ | {"XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder}
    subprocess.run([binary, "analytics", "disable"], env=environment, check=True)  # noqa: S603 - the package's own binary
    command = [
        str(binary), "--serve-web", "--bind", LOOPBACK, "--port", data_port,
        "--web-viewer-port", page_port, "--server-memory-limit", MEMORY_LIMIT,
    ]  # fmt: skip
    sys.stdout.flush()
    # exec, not a child of this process: so the signal at the demo's end still reaches it
    os.execve(binary, command, environment)  # noqa: S606 - the package's own binary


if __name__ == "__main__":
    main()
