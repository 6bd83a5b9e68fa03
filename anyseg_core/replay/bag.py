"""Recordings: rosbag2 (sqlite3, mcap) and ROS 1 bags, read without ROS."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from anyseg_core.errors import MissingDependencyError, RecordError
from anyseg_core.replay.recovery import cut_mcap, recovered_copy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""Larger messages are left out before anything is allocated for their content."""


@dataclass(frozen=True, slots=True)
class BagMessage:
    """One message of a bag.

    Attributes:
        topic: where it was published.
        message_type: its type, as ``sensor_msgs/msg/Image``.
        log_ns: when the recorder received it, on the recorder's clock.
        message: its content, field by field as in ROS.
    """

    topic: str
    message_type: str
    log_ns: int
    message: Any


class Bag:
    """A bag open for reading; a context manager.

    Args:
        path: a rosbag2 folder, a single ``.mcap`` or ``.db3`` file, or a ROS 1 ``.bag``.

    Attributes:
        problems: what could not be read so far, in sentences; what lies before it was read.

    Raises:
        RecordError: nothing there, or nothing that can be read as a bag.
        MissingDependencyError: the package ``rosbags`` is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[str] = []
        if not path.exists():
            raise RecordError(
                f"{path}, which does not exist", "a bag: a folder or a file", "correct the path"
            )
        highlevel = _import_rosbags()
        self._stack = ExitStack()
        try:
            whole = self._whole(path)
            self._reader = self._stack.enter_context(
                highlevel.AnyReader([whole], default_typestore=_common_types())
            )
        except Exception as error:  # a broken file fails in as many ways as it has bytes
            self._stack.close()
            raise RecordError(
                f"{path}, which cannot be read as a bag ({_words(error)})",
                "a rosbag2 folder with its metadata.yaml, an mcap or sqlite3 file, or a ROS 1 bag",
                "recover it: 'mcap recover' for a cut mcap file, 'ros2 bag reindex' where the "
                "metadata is missing, 'rosbag reindex' for ROS 1",
            ) from error

    def _whole(self, path: Path) -> Path:
        """Return the bag itself, or, of one that was cut, a copy of its whole records."""
        cut = cut_mcap(path)
        if cut is None:
            return path
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="anyseg-")))
        copy, lost = recovered_copy(cut, folder)
        self.problems.append(
            f"{cut.name} was cut while it was recorded: its last {lost} bytes are lost"
        )
        return copy

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

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

    def _read(self, topics: set[str], *, quiet: bool) -> Iterator[BagMessage]:
        connections = [one for one in self._reader.connections if one.topic in topics]
        if not connections:
            return
        try:
            for connection, log_ns, data in self._reader.messages(connections):
                message = self._deserialise(connection, data, quiet=quiet)
                if message is not None:
                    yield BagMessage(connection.topic, connection.msgtype, int(log_ns), message)
        except Exception as error:  # noqa: BLE001 - as above; what was read before stands
            if not quiet:
                self.problems.append(f"the bag cannot be read to its end: {_words(error)}")

    def _deserialise(self, connection: Any, data: bytes, *, quiet: bool) -> Any:  # noqa: ANN401
        if len(data) > MAX_MESSAGE_BYTES:
            problem = f"{len(data)} bytes, more than {MAX_MESSAGE_BYTES}"
        else:
            try:
                return self._reader.deserialize(data, connection.msgtype)
            except Exception as error:  # noqa: BLE001 - as above
                problem = _words(error)
        if not quiet:
            self.problems.append(f"a message of {connection.topic} cannot be read: {problem}")
        return None


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _import_rosbags() -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        return import_module("rosbags.highlevel")
    except ImportError as error:
        raise MissingDependencyError(
            "no package rosbags", "it, to read bags", "run: pip install 'anyseg_ros[bags]'"
        ) from error


def _common_types() -> Any:  # noqa: ANN401 - as above
    """Types for bags that carry no definitions of their own, as sqlite3 bags before Iron."""
    typesys = import_module("rosbags.typesys")
    return typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
