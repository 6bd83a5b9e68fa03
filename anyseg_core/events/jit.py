"""Compilation of numeric kernels with numba, cached between runs where a cache can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

KernelT = TypeVar("KernelT", bound="Callable[..., object]")


def kernel(function: KernelT) -> KernelT:
    """Compile ``function`` on its first call for each set of argument types.

    The kernel runs without the interpreter's lock. numba keeps the machine code beside the source,
    else in the user's cache folder (``NUMBA_CACHE_DIR`` overrides both). Where none of these can be
    written numba refuses to set the kernel up at all; then it is compiled anew in each process.
    """
    try:
        compiled = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        compiled = numba.njit(nogil=True)(function)
    return cast("KernelT", compiled)


def kernel_input(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """View ``array`` as contiguous, aligned and read-only, copying it only where it must.

    Read-only and writable arrays are two types to numba: with this, a kernel is compiled for one.
    """
    view = np.require(array, dtype, ("C", "A")).view()
    view.flags.writeable = False
    return view
