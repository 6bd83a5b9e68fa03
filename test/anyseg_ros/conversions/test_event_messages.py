import sys
from types import ModuleType

import pytest
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from anyseg_core.errors import MissingDependencyError
from anyseg_core.messages import record_converters
from anyseg_ros.conversions.event_messages import EVENT_MESSAGES, event_message_class

PACKAGES = {
    "event_packet": "event_camera_msgs",
    "dvs_event_array": "dvs_msgs",
    "prophesee_event_array": "prophesee_event_msgs",
}


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [("point_cloud", PointCloud2), ("image", Image), ("compressed_image", CompressedImage)],
)
def test_what_every_machine_has_needs_no_package(event_type, kind):
    assert event_message_class(event_type) is kind


@pytest.mark.parametrize(("event_type", "package"), PACKAGES.items())
def test_a_missing_package_is_named_with_what_to_do(monkeypatch, event_type, package):
    for name in (package, f"{package}.msg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=rf"no {package} package.*event\.type"):
        event_message_class(event_type)


@pytest.mark.parametrize(("event_type", "package"), PACKAGES.items())
def test_an_installed_package_gives_its_class(monkeypatch, event_type, package):
    messages = ModuleType(f"{package}.msg")
    messages.EventPacket = messages.EventArray = type("Message", (), {})
    monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setitem(sys.modules, f"{package}.msg", messages)
    assert event_message_class(event_type) is messages.EventArray


def test_every_type_of_message_has_its_converter():
    assert {(name, "event") for name in EVENT_MESSAGES.values()} <= set(record_converters)
