"""Which topic of a bag belongs to which sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseg_core.errors import ConfigurationError
from anyseg_core.messages import record_converters
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyseg_core.replay.bag import Bag

CAMERA_INFO = "camera_info"
TRUTH = "truth"
ROLES: tuple[str, ...] = (*MODALITIES, CAMERA_INFO, TRUTH)
"""What a topic can be for: a sensor, the reference camera's info, or the true classes."""

STATIC_TRANSFORMS = ("/tf_static", "/tf")

_IMAGE = "sensor_msgs/msg/Image"
_COMPRESSED = "sensor_msgs/msg/CompressedImage"
_CLOUD = "sensor_msgs/msg/PointCloud2"
_CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_TF = "tf2_msgs/msg/TFMessage"
_DEPTH_ENCODINGS = frozenset({"16UC1", "32FC1", "mono16"})
_CLASS_ENCODINGS = frozenset({"mono8", "8UC1"})
_TRUTH_WORDS = ("ground_truth", "label", "segmentation", "semantic", "mask", "truth")
_EVENT_WORDS = ("event", "dvs")


@dataclass(frozen=True, slots=True)
class TopicMap:
    """The topics of a bag that are of use.

    Attributes:
        roles: topic by role, see ``ROLES``.
        types: type by topic.
        transforms: topics with transforms.
    """

    roles: Mapping[str, str]
    types: Mapping[str, str]
    transforms: tuple[str, ...]

    @property
    def sensors(self) -> tuple[str, ...]:
        """The sensors that the bag has, in the papers' order."""
        return tuple(name for name in MODALITIES if name in self.roles)


def find_topics(bag: Bag, chosen: Mapping[str, str]) -> TopicMap:
    """Find each role's topic by its type and its first message.

    Args:
        bag: the recording.
        chosen: topic by role, as the user has it; an empty name leaves the role out.

    Raises:
        ConfigurationError: a role or topic that does not exist, a topic whose type its role cannot
            have, several candidates for one role, or no sensor at all.
    """
    types = bag.topics
    _check_chosen(chosen, types)
    candidates: dict[str, list[str]] = {role: [] for role in ROLES}
    for topic, message_type in types.items():
        role = _role_of(bag, topic, message_type)
        if role is not None and topic not in chosen.values():
            candidates[role].append(topic)
    roles = {role: topic for role, topic in chosen.items() if topic}
    for role in ROLES:
        if role not in chosen and role != CAMERA_INFO and candidates[role]:
            roles[role] = _only(role, candidates[role])
    if CAMERA_INFO not in chosen and candidates[CAMERA_INFO]:
        roles[CAMERA_INFO] = _camera_info(candidates[CAMERA_INFO], roles.get("rgb", ""))
    if not set(roles) & set(MODALITIES):
        raise ConfigurationError(
            f"a bag with the topics {_listed(types)}",
            "at least one of an Image, a PointCloud2 or events",
            "name the topics: --topic rgb=/camera/image_raw",
        )
    transforms = tuple(
        topic
        for topic in STATIC_TRANSFORMS
        if types.get(topic, "").endswith(_TF.rsplit("/", maxsplit=1)[1])
    )
    return TopicMap(roles, types, transforms)


def _check_chosen(chosen: Mapping[str, str], types: Mapping[str, str]) -> None:
    for role, topic in chosen.items():
        if role not in ROLES:
            raise ConfigurationError(
                f"--topic {role}={topic}", f"one of {', '.join(ROLES)}", "name one of these"
            )
        if topic and topic not in types:
            raise ConfigurationError(
                f"--topic {role}={topic}, which the bag has not",
                f"one of {_listed(types)}",
                "name a topic of the bag",
            )
        fits = _fits(role, types.get(topic, ""))
        if topic and not fits:
            raise ConfigurationError(
                f"--topic {role}={topic}, of type {types[topic]}",
                f"a type that {role} can come in",
                "name another topic",
            )


def _fits(role: str, message_type: str) -> bool:
    if role == CAMERA_INFO:
        return message_type == _CAMERA_INFO
    if role == TRUTH:
        return message_type == _IMAGE
    return (message_type, role) in record_converters


def _role_of(bag: Bag, topic: str, message_type: str) -> str | None:
    """Guess what a topic is for; None where it is of no use."""
    if message_type == _CAMERA_INFO:
        return CAMERA_INFO
    if message_type not in {kind for kind, _ in record_converters}:
        return None
    message = bag.first(topic)
    if message is None:
        return None
    return _role_by_content(topic.lower(), message_type, message)


def _role_by_content(name: str, message_type: str, message: Any) -> str:  # noqa: ANN401 - a message
    if message_type == _IMAGE:
        return _role_of_image(name, str(message.encoding))
    if message_type == _COMPRESSED:
        return "depth" if "compressedDepth" in message.format else _picture(name)
    if message_type == _CLOUD:
        fields = {field.name for field in message.fields}
        return "event" if {"x", "y", "t", "p"} <= fields else "lidar"
    return "event"


def _role_of_image(name: str, encoding: str) -> str:
    if encoding in _DEPTH_ENCODINGS:
        return "depth"
    if encoding in _CLASS_ENCODINGS and any(word in name for word in _TRUTH_WORDS):
        return TRUTH
    return _picture(name)


def _picture(name: str) -> str:
    return "event" if any(word in name for word in _EVENT_WORDS) else "rgb"


def _only(role: str, topics: list[str]) -> str:
    if len(topics) > 1:
        raise ConfigurationError(
            f"{len(topics)} topics that could be {role}: {', '.join(sorted(topics))}",
            "one",
            f"say which: --topic {role}={min(topics)} (or --topic {role}= for none)",
        )
    return topics[0]


def _camera_info(topics: list[str], rgb: str) -> str:
    """Return the info beside the RGB images; by image_transport's habit they share a namespace."""
    namespace = rgb.removesuffix("/compressed").rsplit("/", maxsplit=1)[0]
    beside = [topic for topic in topics if topic.rsplit("/", maxsplit=1)[0] == namespace]
    return beside[0] if len(beside) == 1 else _only(CAMERA_INFO, topics)


def _listed(types: Mapping[str, str]) -> str:
    return ", ".join(f"{topic} ({kind})" for topic, kind in sorted(types.items())) or "none"
