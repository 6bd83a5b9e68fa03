from types import SimpleNamespace

import pytest

from anyseg_core.errors import RecordError
from anyseg_core.messages import motion_from_odometry


def odometry(make, *, speed=1.5, frame="base_link", **time):
    def vector(x, y, z):
        return SimpleNamespace(x=x, y=y, z=z)

    twist = SimpleNamespace(linear=vector(speed, 0.25, -0.5), angular=vector(0.1, 0.2, 0.3))
    return SimpleNamespace(
        header=make.header("odom", **time),
        child_frame_id=frame,
        twist=SimpleNamespace(twist=twist),
    )


def test_the_twist_is_that_of_the_child_frame(make):
    motion = motion_from_odometry(odometry(make))
    assert (motion.stamp_ns, motion.frame_id) == (2_000_000_005, "base_link")
    assert motion.linear_mps.tolist() == [1.5, 0.25, -0.5]
    assert motion.angular_radps.tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"speed": float("nan")}, "finite numbers"),
        ({"frame": ""}, "child_frame_id"),
        ({"sec": 0, "nanosec": 0}, "stamp"),
    ],
)
def test_odometry_that_says_nothing_is_refused(make, changes, said):
    with pytest.raises(RecordError, match=said):
        motion_from_odometry(odometry(make, **changes))
