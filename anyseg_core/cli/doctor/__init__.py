"""``anyseg doctor``: what is wrong with a rig, or with a data set."""

from anyseg_core.cli.doctor.command import COMMAND

__all__ = ["COMMAND"]
