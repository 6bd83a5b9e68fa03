"""Bring a lifecycle node up and change another node's parameters, over their services."""

from __future__ import annotations

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


def bring_up(node: Node, target: str, spin: Spin, attempts: int) -> None:
    """Configure and activate the lifecycle node ``target``.

    Args:
        node: the node that asks.
        target: full name of the lifecycle node.
        spin: lets ``node`` receive for a moment; may raise to end the wait.
        attempts: how often to spin for one answer.

    Raises:
        TransitionRefusedError: it refused, or gave no answer in time.
    """
    for transition, name in (
        (Transition.TRANSITION_CONFIGURE, "configure"),
        (Transition.TRANSITION_ACTIVATE, "activate"),
    ):
        request = ChangeState.Request(transition=Transition(id=transition))
        answer = _call(node, ChangeState, f"{target}/change_state", request, spin, attempts)
        if answer is None or not answer.success:
            raise TransitionRefusedError(
                f"{'no answer' if answer is None else 'a refusal'} from {target} to {name}",
                "a node that is ready",
                "read the reason in its log",
            )


def set_string_array(
    node: Node, target: str, name: str, values: list[str], spin: Spin, attempts: int
) -> None:
    """Set a string array parameter of the node ``target``.

    Raises:
        TransitionRefusedError: it refused, or gave no answer in time.
    """
    value = ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=values)
    request = SetParameters.Request(parameters=[ParameterMessage(name=name, value=value)])
    answer = _call(node, SetParameters, f"{target}/set_parameters", request, spin, attempts)
    if answer is None or not answer.results[0].successful:
        reason = "no answer" if answer is None else answer.results[0].reason
        raise TransitionRefusedError(
            f"{reason} from {target}", f"the parameter {name} set to {values}", "read its log"
        )


def _call(node: Node, kind: Any, service: str, request: Any, spin: Spin, attempts: int) -> Any:
    client: Any = node.create_client(kind, service)
    try:
        for _ in range(attempts):
            if client.service_is_ready():
                break
            spin()
        else:
            return None
        future = client.call_async(request)
        for _ in range(attempts):
            if future.done():
                return future.result()
            spin()
        return None
    finally:
        node.destroy_client(client)
