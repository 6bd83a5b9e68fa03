"""Compilation of the innermost loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Return a function compiled by numba on first use; the result is kept on disk.

    The kept result notices changes in the function's own file only, so compiled functions that
    call one another live in one file.
    """
    return cast("_Function", numba.njit(cache=True, nogil=True, fastmath=True)(function))
