"""The parameter ``active_faults`` of the nodes that break sensors on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import SetParametersResult

from anyseg_core.errors import AnysegError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.parameter import Parameter


def on_active_faults(
    set_faults: Callable[[Sequence[str]], None],
) -> Callable[[list[Parameter[Any]]], SetParametersResult]:
    """Return a callback for changed parameters that hands new faults to ``set_faults``.

    An AnysegError of ``set_faults`` refuses the change, with its reason.
    """

    def on_parameters(parameters: list[Parameter[Any]]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == "active_faults":
                try:
                    set_faults(parameter.value)
                except AnysegError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    return on_parameters
