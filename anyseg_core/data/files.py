"""Files of a data set: what is there, by name alone, and their bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_FILE_BYTES = 2_000_000_000

_SIGNATURES = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8",
    ".jpeg": b"\xff\xd8",
    ".npy": b"\x93NUMPY",
    ".h5": b"\x89HDF\r\n\x1a\n",
}
_ENDINGS = {".png": b"IEND\xaeB`\x82"}


def names_below(folder: Path, suffix: str) -> Iterator[str]:
    """Give the files below a folder that end in ``suffix``: their paths from it, without it.

    No file is touched, only folders are listed: a set of ten thousand samples takes a moment.
    A folder that is not there has no files.
    """
    for where, folders, files in os.walk(folder):
        folders.sort()
        below = Path(where).relative_to(folder).as_posix()
        prefix = "" if below == "." else f"{below}/"
        for name in files:
            if name.endswith(suffix):
                yield prefix + name.removesuffix(suffix)


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        RecordError: it cannot be read, is empty or larger than 2 GB.
    """
    try:
        size = path.stat().st_size
        if not 0 < size <= LARGEST_FILE_BYTES:
            raise bad_file(path, f"{size} bytes", "a file of 1 byte to 2 GB")
        return path.read_bytes()
    except OSError as error:
        raise bad_file(path, str(error.strerror), "a readable file") from None


def bad_file(path: Path, got: str, wanted: str) -> RecordError:
    """Return the error for a file that cannot be used."""
    return RecordError(
        f"{path}: {' '.join(got.split())}", wanted, "check the file, or load it again"
    )


def looks_whole(path: Path) -> bool:
    """Say whether a file is there and has its format's first and last bytes; reads no more."""
    suffix = path.suffix.lower()
    start, end = _SIGNATURES.get(suffix, b""), _ENDINGS.get(suffix, b"")
    try:
        size = path.stat().st_size
        if size < max(1, len(start) + len(end)):
            return False
        with path.open("rb") as file:
            if file.read(len(start)) != start:
                return False
            file.seek(size - len(end))
            return file.read() == end if end else True
    except OSError:
        return False
