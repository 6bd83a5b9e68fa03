from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.recording.transforms import quaternion_of, sensor_poses
from anyseg_core.simulation.motion import rotation_zyx

ANGLE = st.floats(-np.pi, np.pi)


def turned(quaternion, vector):
    """The vector turned by q v q*, written out."""
    axis, w = np.array(quaternion[:3]), quaternion[3]
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector)


@given(ANGLE, ANGLE, ANGLE)
def test_a_quaternion_turns_vectors_as_its_rotation_does(yaw, pitch, roll):
    rotation = rotation_zyx(yaw, pitch, roll)
    quaternion = quaternion_of(rotation)
    assert abs(np.linalg.norm(quaternion) - 1) < 1e-12
    assert quaternion[3] >= 0
    for vector in np.eye(3):
        np.testing.assert_allclose(turned(quaternion, vector), rotation @ vector, atol=1e-9)


def test_the_rig_s_poses_are_rigid_and_named_by_their_frames():
    poses = sensor_poses()
    assert set(poses) == {"camera_optical", "lidar"}
    for pose in poses.values():
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
