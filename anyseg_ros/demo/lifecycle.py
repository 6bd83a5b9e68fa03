"""Bring a lifecycle node up and change another node's parameters, over their services."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from anyseg_core.errors import AnysegError

if TYPE_CHECKING:
    from rclpy.node import Node

Spin = Callable[[], None]


class TransitionRefusedError(AnysegError):
    """A node refused to configure or activate, or did not answer."""


def bring_up(node: Node, target: str, spin: Spin, patience_s: float) -> None:
    """Configure and activate the lifecycle node ``target``.

    Args:
        node: the node that asks.
        target: full name of the lifecycle node.
        spin: lets ``node`` receive for a moment; may raise to end the wait.
        patience_s: how long to wait for one answer.

    Raises:
        TransitionRefusedError: it refused, or gave no answer in time.
    """
    for transition, name in (
        (Transition.TRANSITION_CONFIGURE, "configure"),
        (Transition.TRANSITION_ACTIVATE, "activate"),
    ):
        request = ChangeState.Request(transition=Transition(id=transition))
        answer = _call(node, ChangeState, f"{target}/change_state", request, spin, patience_s)
        if answer is None or not answer.success:
            raise TransitionRefusedError(
                f"{'no answer' if answer is None else 'a refusal'} from {target} to {name}",
                "a node that is ready",
                "read the reason in its log",
            )


def set_string_array(
    node: Node, target: str, name: str, values: list[str], spin: Spin, patience_s: float
) -> None:
    """Set a string array parameter of the node ``target``.

    Raises:
        TransitionRefusedError: it refused, or gave no answer in time.
    """
    value = ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=values)
    request = SetParameters.Request(parameters=[ParameterMessage(name=name, value=value)])
    answer = _call(node, SetParameters, f"{target}/set_parameters", request, spin, patience_s)
    if answer is None or not answer.results[0].successful:
        reason = "no answer" if answer is None else answer.results[0].reason
        raise TransitionRefusedError(
            f"{reason} from {target}", f"the parameter {name} set to {values}", "read its log"
        )


def wait(condition: Callable[[], bool], spin: Spin, patience_s: float) -> bool:
    """Spin until the condition holds, at most that long; return whether it does."""
    end_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        spin()
    return True


def _call(node: Node, kind: Any, service: str, request: Any, spin: Spin, patience_s: float) -> Any:
    client: Any = node.create_client(kind, service)
    try:
        if not wait(client.service_is_ready, spin, patience_s):
            return None
        future = client.call_async(request)
        return future.result() if wait(future.done, spin, patience_s) else None
    finally:
        node.destroy_client(client)
