"""Memory settings of the C library that training wants."""

from __future__ import annotations

import ctypes

# Of malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Make malloc keep large blocks that are freed, instead of giving them back to the system.

    A training step on a CPU frees and asks again for hundreds of megabytes; each time the system
    would have to clear the pages anew.

    Returns:
        Whether the C library has the setting (glibc does).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER))
