"""Compiled loops whose compile time is paid when asked for, never at import or on a message.

numba keeps machine code beside the source, else in the user's cache folder (``NUMBA_CACHE_DIR``
overrides both); where neither can be written, each process compiles anew. By itself the cache
notices a change of a loop's own file alone; here it also knows the functions and constants that a
loop takes in from other files, such as ``geometry/lens.py``.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import numpy as np
from numba import njit, types
from numba.core.caching import FunctionCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType

    from numpy.typing import DTypeLike, NDArray

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = {"nogil": True, "error_model": "numpy"}
_REASSOCIATED = {"fastmath": {"reassoc", "contract"}}


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
    return cast("Callable[P, R]", _jit(function, forceinline=True))


class Kernel(Generic[P, R]):
    """A loop compiled by numba for a fixed list of signatures, and for no other.

    The list is closed, so no array that a driver may send (read-only, strided, unaligned) can start
    a compilation in the middle of a run. The interpreter's lock is free while the loop runs.
    """

    def __init__(
        self, function: Callable[P, R], signatures: tuple[Any, ...], *, reassociated: bool = False
    ) -> None:
        self._dispatcher = _jit(function, **(_REASSOCIATED if reassociated else {}))
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


def kernel(
    *signatures: Any,  # noqa: ANN401 - as above
    reassociated: bool = False,
) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Decorate a loop with the signatures that it is compiled for.

    Args:
        signatures: one tuple of argument types each: from `array_in`, `constants_in` or
            `array_out`, a tuple of these, or the name of a scalar type.
        reassociated: let sums of floats be added up in another order, so that the processor adds
            several at once; the result is the same in every run.
    """

    def wrap(function: Callable[P, R]) -> Kernel[P, R]:
        return Kernel(function, signatures, reassociated=reassociated)

    return wrap


def _argument_type(given: Any) -> Any:  # noqa: ANN401 - numba has no type hints
    if isinstance(given, str):
        return getattr(types, given)
    return (
        types.Tuple([_argument_type(part) for part in given]) if isinstance(given, tuple) else given
    )


def _jit(function: Callable[P, R], **options: Any) -> Any:  # noqa: ANN401 - no type hints
    """Give the function to numba, without the cache where no folder for it can be written."""
    dispatcher = njit(function, **_OPTIONS, **options)
    if hasattr(dispatcher, "compile"):  # not so with NUMBA_DISABLE_JIT
        with suppress(RuntimeError):
            dispatcher._cache = _Cache(function)  # noqa: SLF001 - what njit(cache=True) sets
            dispatcher._cache.options += " fastmath" * ("fastmath" in options)  # noqa: SLF001 - as above
    return dispatcher


class _Cache(FunctionCache):  # type: ignore[misc]  # numba has no type hints
    """numba's cache of one loop, which also looks at what the loop takes in from other files."""

    options = repr(_OPTIONS)

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as above
        parts = [self.options, *_taken_in(self._py_func, set())]
        taken_in = sha256("\n".join(parts).encode()).hexdigest()
        return (*super()._index_key(sig, codegen), taken_in)


def _taken_in(function: Any, seen: set[str]) -> list[str]:  # noqa: ANN401 - as above
    """Describe the constants and the compiled functions that a function names, and theirs."""
    found = []
    for name in _names_in(function.__code__):
        value = function.__globals__.get(name)
        inner = getattr(value, "py_func", None)
        if isinstance(value, int | float | str | tuple | np.generic):
            found.append(f"{name} = {value!r}")
        elif inner is not None and f"{inner.__module__}.{inner.__qualname__}" not in seen:
            seen.add(f"{inner.__module__}.{inner.__qualname__}")
            found += [_text_of(inner.__code__), repr(sorted(value.targetoptions.items()))]
            found += _taken_in(inner, seen)
    return found


def _names_in(code: CodeType) -> list[str]:
    inner = (const for const in code.co_consts if hasattr(const, "co_names"))
    return [*code.co_names, *(name for each in inner for name in _names_in(each))]


def _text_of(code: CodeType) -> str:
    """Describe a function's code, the same in every process."""
    constants_ = (
        _text_of(const) if hasattr(const, "co_names") else repr(const) for const in code.co_consts
    )
    return f"{code.co_name} {code.co_code.hex()} {code.co_names} {' '.join(constants_)}"
