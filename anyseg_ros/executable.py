"""What every node's program does: start, spin until told to stop, clean up."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from anyseg_core.errors import AnysegError

if TYPE_CHECKING:
    from collections.abc import Callable

NodeT = TypeVar("NodeT", bound=Node)


def run_node(
    name: str,
    create: Callable[[], NodeT],
    *,
    start: Callable[[NodeT], object] | None = None,
    close: Callable[[NodeT], object] | None = None,
) -> None:
    """Run one node until it is told to stop; exit with code 2 where it cannot be made.

    Args:
        name: for the log, should the node not come to be.
        create: makes the node.
        start: called once before it spins.
        close: called once before it is destroyed.
    """
    told_to_stop = _interrupt_once()
    rclpy.init(args=sys.argv)
    executor = SingleThreadedExecutor()
    node = None
    try:
        node = _make(name, create)
        executor.add_node(node)
        if start is not None:
            start(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # The signal ends the context under a callback that is publishing, and rclpy's compiled
        # part makes a RuntimeError of a KeyboardInterrupt: neither is a failure.
        if rclpy.ok() and not told_to_stop.is_set():
            raise
    finally:
        told_to_stop.set()
        if node is not None and close is not None:
            close(node)
        executor.shutdown()
        if node is not None:
            node.destroy_node()
        with suppress(RuntimeError):  # the signal's own thread may end the context meanwhile
            rclpy.try_shutdown()


def _make(name: str, create: Callable[[], NodeT]) -> NodeT:
    try:
        return create()
    except AnysegError as error:
        rclpy.logging.get_logger(name).fatal(str(error))
        sys.exit(2)


def _interrupt_once() -> threading.Event:
    """Let the first Ctrl-C raise KeyboardInterrupt, and none after the event that is returned.

    So a second one (a terminal and a launch file both send it) does not cut the clean-up short.
    """
    told = threading.Event()

    def interrupt(_signal_number: int, _frame: object) -> None:
        if not told.is_set():
            told.set()
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    return told
