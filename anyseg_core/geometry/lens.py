"""The lens models as scalar functions that the compiled loops share.

A lens is one float64 [14] vector, laid out by the index constants below. Coordinates are those of
ROS's optical frames (REP 103: z forward, x right, y down) and pixel centres are integers, as in
OpenCV. Equations: OpenCV's "Camera Calibration and 3D Reconstruction" (plumb_bob and
rational_polynomial) and "Fisheye camera model" (equidistant: Kannala and Brandt, PAMI 2006).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from anyseg_core.kernels import array_in, array_out, constants_in, device, kernel

if TYPE_CHECKING:
    from anyseg_core.types import BoolArray, Float64Array

FX, FY, CX, CY, K1, K2, P1, P2, K3, K4, K5, K6, LIMIT, MODEL = range(14)
PINHOLE, RATIONAL, EQUIDISTANT = 0.0, 1.0, 2.0

_WIDEST_RAD = math.radians(89.99)
_STEPS = 9000
_LENS = constants_in("float64", 1)


@device
def radial(lens: Float64Array, r: float) -> tuple[float, float]:
    """Return the distorted radius and its derivative; ``r`` is an angle for equidistant."""
    s = r * r
    k1, k2, k3, k4 = lens[K1], lens[K2], lens[K3], lens[K4]
    if lens[MODEL] == EQUIDISTANT:
        value = r * (1.0 + s * (k1 + s * (k2 + s * (k3 + s * k4))))
        return value, 1.0 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4)))
    upper = 1.0 + s * (k1 + s * (k2 + s * k3))
    lower = 1.0 + s * (k4 + s * (lens[K5] + s * lens[K6]))
    upper_slope = k1 + s * (2 * k2 + s * 3 * k3)
    lower_slope = k4 + s * (2 * lens[K5] + s * 3 * lens[K6])
    slope = (upper + 2 * s * upper_slope) / lower - 2 * s * upper * lower_slope / (lower * lower)
    return r * upper / lower, slope


@device
def tangential(lens: Float64Array, a: float, b: float) -> tuple[float, float]:
    """Return the decentring shift at the normalised point (a, b)."""
    s = a * a + b * b
    p1, p2 = lens[P1], lens[P2]
    return 2 * p1 * a * b + p2 * (s + 2 * a * a), p1 * (s + 2 * b * b) + 2 * p2 * a * b


@device
def project_point(lens: Float64Array, x: float, y: float, z: float) -> tuple[bool, float, float]:
    """Return whether the lens sees the camera-frame point, and its pixel (u, v)."""
    if not z > 0.0:
        return False, np.nan, np.nan
    inverse = 1.0 / z
    a, b = x * inverse, y * inverse
    s = a * a + b * b
    if lens[MODEL] == RATIONAL:
        if not s <= lens[LIMIT] * lens[LIMIT]:
            return False, np.nan, np.nan
        # The hot path of every LiDAR point: no square root, and no slope.
        scale = 1.0 + s * (lens[K1] + s * (lens[K2] + s * lens[K3]))
        scale /= 1.0 + s * (lens[K4] + s * (lens[K5] + s * lens[K6]))
        shift_a, shift_b = tangential(lens, a, b)
        a, b = a * scale + shift_a, b * scale + shift_b
    elif lens[MODEL] == EQUIDISTANT:
        r = math.sqrt(s)
        angle = math.atan(r)
        if not angle <= lens[LIMIT]:
            return False, np.nan, np.nan
        scale = radial(lens, angle)[0] / r if r > 1e-12 else 1.0
        a, b = a * scale, b * scale
    return True, lens[FX] * a + lens[CX], lens[FY] * b + lens[CY]


@device
def locate_point(
    lens: Float64Array, m: Float64Array, x: float, y: float, z: float, width: int, height: int
) -> tuple[bool, float, float, float]:
    """Return whether a point falls into the image, its pixel (u, v) and its depth.

    ``m`` is the transform [4, 4] from the point's frame to the camera's.
    """
    depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
    seen, u, v = project_point(
        lens,
        m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3],
        m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3],
        depth,
    )
    return seen and -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5, u, v, depth


@device
def invert_radial(lens: Float64Array, distorted: float) -> tuple[bool, float]:
    """Return the radius (or angle) that distorts to ``distorted``: Newton inside a bracket."""
    low, high = 0.0, lens[LIMIT]
    if not radial(lens, high)[0] >= distorted:
        return False, np.nan
    r = min(distorted, high)
    for _ in range(80):
        value, slope = radial(lens, r)
        error = value - distorted
        if abs(error) <= 1e-15 * (1.0 + distorted):
            break
        if error > 0.0:
            high = r
        else:
            low = r
        step = r - error / slope if slope > 0.0 else low
        r = step if low < step < high else 0.5 * (low + high)
    return True, r


@device
def undistort_point(lens: Float64Array, u: float, v: float) -> tuple[bool, float, float]:
    """Return whether pixel (u, v) has a ray within the lens's range, and its (x / z, y / z)."""
    a_seen, b_seen = (u - lens[CX]) / lens[FX], (v - lens[CY]) / lens[FY]
    if lens[MODEL] == PINHOLE:
        return True, a_seen, b_seen
    if lens[MODEL] == EQUIDISTANT:
        seen = math.hypot(a_seen, b_seen)
        found, angle = invert_radial(lens, seen)
        scale = math.tan(angle) / seen if seen > 1e-12 else 1.0
        return found, a_seen * scale, b_seen * scale
    a, b, change = a_seen, b_seen, np.inf
    # Inside the limit the radial slope exceeds the tangential one, so this converges.
    for _ in range(200):
        shift_a, shift_b = tangential(lens, a, b)
        seen = math.hypot(a_seen - shift_a, b_seen - shift_b)
        found, r = invert_radial(lens, seen)
        if not found:
            return False, np.nan, np.nan
        scale = r / seen if seen > 1e-12 else 1.0
        new_a, new_b = (a_seen - shift_a) * scale, (b_seen - shift_b) * scale
        change = abs(new_a - a) + abs(new_b - b)
        a, b = new_a, new_b
        if change <= 1e-14 * (1.0 + abs(a) + abs(b)):
            break
    return change <= 1e-9, a, b


@device
def undistort_near(
    lens: Float64Array, u: float, v: float, a: float, b: float
) -> tuple[bool, float, float]:
    """As `undistort_point`, quicker where (a, b) is close to the answer: a neighbour's, say.

    Newton's method in two dimensions. Within the limit the distortion folds nothing, so the point
    that it finds there is the only one.
    """
    if lens[MODEL] != RATIONAL:
        return undistort_point(lens, u, v)
    a_seen, b_seen = (u - lens[CX]) / lens[FX], (v - lens[CY]) / lens[FY]
    p1, p2 = lens[P1], lens[P2]
    for _ in range(8):
        s = a * a + b * b
        upper = 1.0 + s * (lens[K1] + s * (lens[K2] + s * lens[K3]))
        lower = 1.0 + s * (lens[K4] + s * (lens[K5] + s * lens[K6]))
        upper_slope = lens[K1] + s * (2 * lens[K2] + s * 3 * lens[K3])
        lower_slope = lens[K4] + s * (2 * lens[K5] + s * 3 * lens[K6])
        scale = upper / lower
        slope = 2 * (upper_slope - scale * lower_slope) / lower
        shift_a, shift_b = tangential(lens, a, b)
        error_a, error_b = a * scale + shift_a - a_seen, b * scale + shift_b - b_seen
        aa = scale + a * a * slope + 2 * p1 * b + 6 * p2 * a
        ab = a * b * slope + 2 * p1 * a + 2 * p2 * b
        bb = scale + b * b * slope + 6 * p1 * b + 2 * p2 * a
        determinant = aa * bb - ab * ab
        step_a = (bb * error_a - ab * error_b) / determinant
        step_b = (aa * error_b - ab * error_a) / determinant
        a, b = a - step_a, b - step_b
        if abs(step_a) + abs(step_b) <= 1e-12 * (1.0 + abs(a) + abs(b)):
            if a * a + b * b <= lens[LIMIT] * lens[LIMIT]:
                return True, a, b
            break
    return undistort_point(lens, u, v)


def invertible_limit(lens: Float64Array) -> float:
    """Return the largest radius (angle for equidistant) up to which the lens does not fold back.

    Beyond it the distortion polynomial turns round or meets a pole, and points far outside the
    field of view would come back into the image. The tangential terms add 3 r^2 (p1 sin + p2 cos)
    to the radius, at worst -3 |p| r^2, so the limit is where the radial slope meets 6 |p| r. No
    limit lies beyond 89.99 degrees off the axis.
    """
    angles = np.linspace(0.0, _WIDEST_RAD, _STEPS + 1)
    steps = angles if lens[MODEL] == EQUIDISTANT else np.tan(angles)
    drift = 6.0 * math.hypot(lens[P1], lens[P2])
    slopes = np.empty(len(steps))
    radii = np.empty(len(steps))
    _radial_profile(lens, steps, radii, slopes)
    rises = np.diff(radii, prepend=-1.0) > 0.0
    good = (slopes > drift * steps) & rises & np.isfinite(radii)
    stop = len(steps) if good.all() else int(np.argmin(good))
    return float(steps[stop - 1])


@kernel((_LENS, array_in("float64", 1), array_out("float64", 1), array_out("float64", 1)))
def _radial_profile(
    lens: Float64Array, steps: Float64Array, radii: Float64Array, slopes: Float64Array
) -> None:
    for i in range(len(steps)):
        radii[i], slopes[i] = radial(lens, steps[i])


@kernel((_LENS, array_in("float64", 2), array_out("float64", 2), array_out("boolean", 1)))
def project_points(
    lens: Float64Array, points: Float64Array, uv: Float64Array, seen: BoolArray
) -> None:
    """Project camera-frame points [N, 3] to pixels [N, 2] and whether the lens sees them [N]."""
    for i in range(len(points)):
        seen[i], uv[i, 0], uv[i, 1] = project_point(lens, points[i, 0], points[i, 1], points[i, 2])


@kernel((_LENS, array_in("float64", 2), array_out("float64", 2), array_out("boolean", 1)))
def undistort_pixels(
    lens: Float64Array, uv: Float64Array, normalised: Float64Array, found: BoolArray
) -> None:
    """Turn pixels [N, 2] into (x / z, y / z) [N, 2] and whether each has a ray [N]."""
    for i in range(len(uv)):
        found[i], normalised[i, 0], normalised[i, 1] = undistort_point(lens, uv[i, 0], uv[i, 1])
