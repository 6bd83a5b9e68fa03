"""Publishers whose quality of service keeps their messages from a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy.qos import QoSCompatibility, qos_check_compatible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rclpy.node import Node
    from rclpy.subscription import Subscription


def incompatible_publishers(
    node: Node, subscriptions: Iterable[Subscription[Any]]
) -> dict[str, str]:
    """Return by topic the publishers that DDS does not connect, each with the policy at fault.

    rclpy logs a warning when such a publisher appears; this says which are there now.
    """
    found = {}
    for subscription in subscriptions:
        topic = subscription.topic_name
        wanted = subscription.qos_profile
        words = []
        for publisher in node.get_publishers_info_by_topic(topic):
            compatibility, reason = qos_check_compatible(publisher.qos_profile, wanted)
            if compatibility == QoSCompatibility.ERROR:
                words.append(f"{publisher.node_name}: {reason.strip()}")
        if words:
            found[topic] = "; ".join(words)
    return found
