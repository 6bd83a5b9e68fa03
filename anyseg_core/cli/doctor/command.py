"""The ``doctor`` command: one examination per option."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyseg_core.cli.command import Command
from anyseg_core.cli.doctor import data, overlay

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the doctor's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--overlay",
        type=Path,
        metavar="FILE",
        help="write the LiDAR, red near and blue far, over the image, into this file",
    )
    what.add_argument(
        "--data", type=Path, metavar="DIR", help="read every file of the data set in this folder"
    )
    overlay.add_arguments(parser)
    data.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Examine what was asked for; see ``add_arguments``."""
    return overlay.run(options) if options.overlay is not None else data.run(options)


COMMAND = Command(
    "doctor",
    "check a calibration by a picture, or a data set before a night of training",
    add_arguments,
    run,
)
