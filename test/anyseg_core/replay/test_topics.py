"""Topics are found by type and content, and asked for only where several would do."""

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.replay import Bag, find_topics


def topics_of(path, **chosen):
    with Bag(path) as bag:
        return find_topics(bag, chosen)


def test_every_sensor_of_a_bag_is_found_by_itself(bag):
    found = topics_of(bag)
    assert found.roles == {
        "rgb": "/rgb/image",
        "depth": "/depth/image",
        "event": "/events",
        "lidar": "/lidar/points",
        "truth": "/ground_truth/segmentation",
        "camera_info": "/rgb/camera_info",
    }
    assert found.transforms == ("/tf_static",)


def test_names_do_not_matter_where_content_tells(make_bag):
    names = {"rgb": "/a", "depth": "/b", "event": "/c", "lidar": "/d", "truth": "/e/labels"}
    found = topics_of(make_bag(topics=names))
    assert {role: found.roles[role] for role in names} == names


def test_two_candidates_are_named_and_the_user_decides(make_bag):
    names = {"rgb": "/front", "depth": "/b", "event": "/c", "lidar": "/d", "truth": "/rear"}
    path = make_bag(topics=names)
    with pytest.raises(ConfigurationError, match=r"/front, /rear.*--topic rgb=/front"):
        topics_of(path)
    found = topics_of(path, rgb="/front", truth="/rear")
    assert (found.roles["rgb"], found.roles["truth"]) == ("/front", "/rear")


def test_an_empty_name_leaves_a_sensor_out(bag):
    assert topics_of(bag, lidar="").sensors == ("rgb", "depth", "event")


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"radar": "/a"}, "one of rgb"),
        ({"rgb": "/nothing"}, "which the bag has not"),
        ({"rgb": "/lidar/points"}, "a type that rgb can come in"),
        ({"camera_info": "/rgb/image"}, "a type that camera_info can come in"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(bag, chosen, message):
    with pytest.raises(ConfigurationError, match=message):
        topics_of(bag, **chosen)


def test_a_bag_without_any_sensor_is_refused(make_bag):
    with pytest.raises(ConfigurationError, match="/rgb/camera_info"):
        topics_of(make_bag(keep=lambda _: False))
