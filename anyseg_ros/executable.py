"""What every node's program does: start, spin until told to stop, clean up."""

from __future__ import annotations

import signal
import sys
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
    rclpy.init(args=sys.argv)
    try:
        node = create()
    except AnysegError as error:
        rclpy.logging.get_logger(name).fatal(str(error))
        rclpy.try_shutdown()
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if start is not None:
            start(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # a callback that was publishing when the signal ended the context is no failure
        if rclpy.ok():
            raise
    finally:
        # a second Ctrl-C must not cut the clean-up short
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if close is not None:
            close(node)
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
