"""Recordings: rosbag2 (sqlite3, mcap) and ROS 1 bags, read without ROS."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from anyseg_core.errors import MissingDependencyError, RecordError
from anyseg_core.replay.recovery import is_cut, recovered_copy, storage_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""Larger messages are left out before anything is allocated for their content."""

MAX_BAG_BYTES = 512 * 1024**3
"""Larger bags are refused: their index alone would fill a small machine's memory."""


@dataclass(frozen=True, slots=True)
class BagMessage:
    """One message of a bag.

    Attributes:
        topic: where it was published.
        message_type: its type, as ``sensor_msgs/msg/Image``.
        log_ns: when the recorder received it, on the recorder's clock.
        message: its content, field by field as in ROS.
        data: the same as it is stored.
    """

    topic: str
    message_type: str
    log_ns: int
    message: Any
    data: bytes


class Bag:
    """A bag open for reading; a context manager.

    Args:
        path: a rosbag2 folder, a single ``.mcap`` or ``.db3`` file, or a ROS 1 ``.bag``.

    Raises:
        RecordError: nothing there, nothing that can be read as a bag, or too much of it.
        MissingDependencyError: the package ``rosbags`` is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems: list[str] = []
        self._unreadable: dict[str, tuple[int, str]] = {}
        if not path.exists():
            raise RecordError(
                f"{path}, which does not exist", "a bag: a folder or a file", "correct the path"
            )
        _check_size(path)
        highlevel = _import_rosbags()
        self._stack = ExitStack()
        try:
            whole = self._whole(path)
            self._reader = self._stack.enter_context(
                highlevel.AnyReader(whole, default_typestore=_common_types())
            )
        except RecordError:
            self._stack.close()
            raise
        except Exception as error:  # a broken file fails in as many ways as it has bytes
            self._stack.close()
            raise RecordError(
                f"{path}, which cannot be read as a bag ({_words(error)})",
                "a rosbag2 folder with its metadata.yaml, an mcap or sqlite3 file, or a ROS 1 bag",
                "recover it: 'mcap recover' for an mcap file, 'sqlite3 FILE .recover' for a cut "
                "database, 'ros2 bag reindex' without metadata, 'rosbag reindex' for ROS 1",
            ) from error

    def _whole(self, path: Path) -> list[Path]:
        """Return the bag itself, or its files one by one, of cut ones a copy of what is whole."""
        files = storage_files(path)
        cut = [file for file in files if is_cut(file)]
        has_metadata = path.is_file() or (path / "metadata.yaml").exists()
        if not files or (has_metadata and not cut):
            return [path]
        if not has_metadata:
            self._problems.append(f"{path.name} has no metadata.yaml: its files were read alone")
        return [self._recovered(file) if file in cut else file for file in files]

    def _recovered(self, cut: Path) -> Path:
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="anyseg-")))
        copy, lost = recovered_copy(cut, folder)
        self._problems.append(
            f"{cut.name} was cut while it was recorded: its last {lost} bytes are lost"
        )
        return copy

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def problems(self) -> list[str]:
        """What could not be read so far, in sentences; what lies before it was read."""
        unreadable = [
            f"{_messages(count)} of {topic} cannot be read: {first}"
            for topic, (count, first) in sorted(self._unreadable.items())
        ]
        return [*self._problems, *unreadable]

    @property
    def start_ns(self) -> int:
        """The first message's time on the recorder's clock."""
        return int(self._reader.start_time)

    @property
    def end_ns(self) -> int:
        """The time just after the last message."""
        return int(self._reader.end_time)

    @property
    def topics(self) -> dict[str, str]:
        """The type of every topic that has messages, by topic."""
        return {
            name: str(info.msgtype)
            for name, info in self._reader.topics.items()
            if info.msgcount and info.msgtype
        }

    def first(self, topic: str) -> Any | None:  # noqa: ANN401 - messages carry no type information
        """Return the first message of a topic that can be read, or None."""
        return next((found.message for found in self._read({topic}, quiet=True)), None)

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the messages of some topics in the order in which they were recorded.

        A message that cannot be read is left out, and a file that ends early ends the iteration;
        ``problems`` says so.
        """
        return self._read(set(topics), quiet=False)

    def as_sent(self, message: BagMessage) -> bytes:
        """Return a message as ROS 2 sends it, in CDR; one of ROS 1 is put into that form.

        Raises:
            RecordError: it is of ROS 1 and of no common type.
        """
        if self._reader.is2:
            return bytes(message.data)
        kind = message.message_type
        try:
            return bytes(_common_types().ros1_to_cdr(message.data, kind))
        except Exception as error:
            raise RecordError(
                f"a ROS 1 message of type {kind} on {message.topic} ({_words(error)})",
                "a type of ROS 2's common interfaces",
                "convert the bag, or leave the topic out with --topic ROLE=",
            ) from error

    def _read(self, topics: set[str], *, quiet: bool) -> Iterator[BagMessage]:
        connections = [one for one in self._reader.connections if one.topic in topics]
        if not connections:
            return
        try:
            for connection, log_ns, data in self._reader.messages(connections):
                message = self._deserialise(connection, data, quiet=quiet)
                if message is not None:
                    kind = connection.msgtype
                    yield BagMessage(connection.topic, kind, int(log_ns), message, data)
        except Exception as error:  # noqa: BLE001 - as above; what was read before stands
            if not quiet:
                self._problems.append(f"the bag cannot be read to its end: {_words(error)}")

    def _deserialise(self, connection: Any, data: bytes, *, quiet: bool) -> Any:  # noqa: ANN401
        if len(data) > MAX_MESSAGE_BYTES:
            problem = f"{len(data)} bytes, more than {MAX_MESSAGE_BYTES}"
        else:
            try:
                return self._reader.deserialize(data, connection.msgtype)
            except Exception as error:  # noqa: BLE001 - as above
                problem = _words(error)
        if not quiet:
            count, first = self._unreadable.get(connection.topic, (0, problem))
            self._unreadable[connection.topic] = (count + 1, first)
        return None


def _messages(count: int) -> str:
    return "a message" if count == 1 else f"{count} messages"


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _check_size(path: Path) -> None:
    """Refuse a bag that is too large.

    Raises:
        RecordError: it is.
    """
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    if size > MAX_BAG_BYTES:
        raise RecordError(
            f"{path} of {size / 1024**3:.1f} GiB",
            f"at most {MAX_BAG_BYTES / 1024**3:.0f} GiB",
            "cut it with 'ros2 bag convert', or give one of its files",
        )


def _import_rosbags() -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        return import_module("rosbags.highlevel")
    except ImportError as error:
        raise MissingDependencyError(
            "no package rosbags", "it, to read bags", "run: pip install 'anyseg_ros[bags]'"
        ) from error


@cache
def _common_types() -> Any:  # noqa: ANN401 - as above
    """Types for bags that carry no definitions of their own, as sqlite3 bags before Iron."""
    typesys = import_module("rosbags.typesys")
    return typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
