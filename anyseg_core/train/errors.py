"""What goes wrong in training itself, beside bad recipes and bad data."""

from anyseg_core.errors import AnysegError


class TrainingError(AnysegError):
    """Training cannot go on: no memory, a loss that is no number, or one that does not fall."""
