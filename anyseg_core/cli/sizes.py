"""Sizes of images as options give them."""

from __future__ import annotations


def parse_size(text: str, least: int = 1) -> tuple[int, int] | None:
    """Read ``WxH`` as (width, height), each ``least`` or more; None where it is no such thing."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return None
    size = int(width), int(height)
    return size if min(size) >= least else None
