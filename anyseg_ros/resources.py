"""Files that come with the package: configuration and calibration."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from anyseg_core.errors import ConfigurationError

PACKAGE = "anyseg_ros"


def config_file(name: str) -> Path:
    """Return the path of a file of the package's ``config`` folder.

    It is looked for where ROS has the package, then in this Python's prefix (an installation by
    pip alone), then beside the sources.

    Raises:
        ConfigurationError: it is nowhere.
    """
    places = [Path(sys.prefix) / "share" / PACKAGE, Path(__file__).resolve().parents[1]]
    # without AMENT_PREFIX_PATH ament raises OSError: then this is no ROS installation
    with suppress(PackageNotFoundError, OSError):
        places.insert(0, Path(get_package_share_directory(PACKAGE)))
    for place in places:
        path = place / "config" / name
        if path.is_file():
            return path
    raise ConfigurationError(
        f"no config/{name} under {', '.join(map(str, places))}",
        "the files that come with the package",
        "install the package again",
    )
