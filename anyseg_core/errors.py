"""The errors that anyseg raises: each says what was got, what was wanted and what to do."""


class AnysegError(Exception):
    """Base of every error that anyseg raises on purpose.

    Args:
        got: what was found, with its value.
        wanted: what would have been right.
        do: what the user can do about it.
    """

    def __init__(self, got: str, wanted: str, do: str) -> None:
        super().__init__(got, wanted, do)
        self.got = got
        self.wanted = wanted
        self.do = do

    def __str__(self) -> str:
        return f"got {self.got}; wanted {self.wanted}; {self.do}"


class ConfigurationError(AnysegError):
    """A parameter, option or configuration file cannot be used."""


class CalibrationError(AnysegError):
    """A camera model, transform or calibration file is missing or makes no sense."""


class RecordError(AnysegError):
    """One sensor reading cannot be used; it is left out and the next one is taken."""


class CheckpointError(AnysegError):
    """A checkpoint or export is missing, damaged, or does not fit what is asked of it."""


class MissingDependencyError(AnysegError):
    """A feature needs a package that is not installed here."""
