"""Compiled loops whose compile time is paid when asked for, never at import or on a message.

numba keeps machine code beside the source, else in the user's cache folder (``NUMBA_CACHE_DIR``
overrides both); where neither can be written, each process compiles anew. The cache notices a
change of a loop's own file alone: whoever edits a `device` function that loops of another file
call, such as those of ``geometry/lens.py``, removes ``__pycache__`` once.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import numpy as np
from numba import njit, types

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import DTypeLike, NDArray

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = {"nogil": True, "error_model": "numpy"}


def array_in(scalar: str, dimensions: int) -> Any:  # noqa: ANN401 - numba has no type hints
    """Return numba's type of an input array: any strides, read-only and unaligned ones too."""
    return types.Array(getattr(types, scalar), dimensions, "A", readonly=True, aligned=False)


def constants_in(scalar: str, dimensions: int) -> Any:  # noqa: ANN401 - numba has no type hints
    """Return numba's type of a C-contiguous input, read-only or not: faster where read often."""
    return types.Array(getattr(types, scalar), dimensions, "C", readonly=True)


def array_out(scalar: str, dimensions: int) -> Any:  # noqa: ANN401 - numba has no type hints
    """Return numba's type of an output array: writable and C-contiguous."""
    return types.Array(getattr(types, scalar), dimensions, "C")


def constants(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """View ``array`` as `constants_in` wants it: contiguous and aligned, copied only if need be.

    The view is read-only, which spares numba's slower look-up of a signature that fits.
    """
    view = np.require(array, dtype, ("C", "A")).view()
    view.flags.writeable = False
    return view


def device(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function that compiled loops call; it is compiled together with them."""
    return cast("Callable[P, R]", _jit(function))


class Kernel(Generic[P, R]):
    """A loop compiled by numba for a fixed list of signatures, and for no other.

    The list is closed, so no array that a driver may send (read-only, strided, unaligned) can start
    a compilation in the middle of a run. The interpreter's lock is free while the loop runs.
    """

    def __init__(self, function: Callable[P, R], signatures: tuple[Any, ...]) -> None:
        self._dispatcher = _jit(function)
        self._signatures = signatures
        self._lock = Lock()
        self._compiled = not hasattr(self._dispatcher, "compile")  # NUMBA_DISABLE_JIT

    def compile(self) -> None:
        """Compile every signature, or load it from the cache; later calls return at once."""
        with self._lock:
            if self._compiled:
                return
            for signature in self._signatures:
                self._dispatcher.compile(tuple(_argument_type(given) for given in signature))
            self._dispatcher.disable_compile()
            self._compiled = True

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the loop, compiling it first where `compile` was not called."""
        if not self._compiled:
            self.compile()
        return cast("R", self._dispatcher(*args, **kwargs))


def compile_kernels(*modules: ModuleType) -> None:
    """Compile every loop that the modules hold, or load it from the cache on disk."""
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Kernel):
                value.compile()


def kernel(*signatures: Any) -> Callable[[Callable[P, R]], Kernel[P, R]]:  # noqa: ANN401 - as above
    """Decorate a loop with the signatures that it is compiled for.

    Args:
        signatures: one tuple of argument types each: from `array_in`, `constants_in` or
            `array_out`, a tuple of these, or the name of a scalar type.
    """

    def wrap(function: Callable[P, R]) -> Kernel[P, R]:
        return Kernel(function, signatures)

    return wrap


def _argument_type(given: Any) -> Any:  # noqa: ANN401 - numba has no type hints
    if isinstance(given, str):
        return getattr(types, given)
    return (
        types.Tuple([_argument_type(part) for part in given]) if isinstance(given, tuple) else given
    )


def _jit(function: Callable[P, R]) -> Any:  # noqa: ANN401 - numba has no type hints
    """Give the function to numba, without the cache where no folder for it can be written."""
    try:
        return njit(function, cache=True, **_OPTIONS)
    except RuntimeError:
        return njit(function, **_OPTIONS)
