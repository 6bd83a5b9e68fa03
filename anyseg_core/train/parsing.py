"""Strict reading of nested dataclasses from the plain values of a YAML document."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from anyseg_core.errors import ConfigurationError

T = TypeVar("T")

# YAML 1.1 takes 6e-5, without a point, for a text.
_EXPONENT = re.compile(r"[+-]?\d+[eE][+-]?\d+")


def parse_dataclass(kind: type[T], content: object, path: str = "") -> T:
    """Build a dataclass from a mapping; every key must be a field, and every type must fit.

    Understood are bool, int, float, str, literals, tuples, frozen sets, dictionaries with string
    keys, optional values and further dataclasses. A whole number serves as a float; nothing else
    is converted.

    Args:
        kind: the dataclass.
        content: a mapping with string keys.
        path: where the mapping stands in the document, for errors.

    Raises:
        ConfigurationError: names the key by its path, such as ``optimiser.lr``.
    """
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path or 'a recipe'}: {_shown(content)}", "keys with values", "correct it"
        )
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    for key in content:
        if key not in known:
            raise ConfigurationError(
                f"the key {_join(path, str(key))!r}",
                f"one of {', '.join(_join(path, name) for name in known)}",
                "correct the key, or remove it",
            )
    for name, field in known.items():
        if name not in content and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigurationError(
                f"no key {_join(path, name)!r}", "a value for it", "add the key"
            )
    hints = get_type_hints(kind)
    values = {key: _convert(hints[key], value, _join(path, key)) for key, value in content.items()}
    try:
        return kind(**values)
    except ConfigurationError as error:
        if not path:
            raise
        raise ConfigurationError(f"{path}: {error.got}", error.wanted, error.do) from error


def _convert(hint: Any, value: object, path: str) -> Any:  # noqa: ANN401  # any field's type
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _convert_union(inner, value, path)
    if origin is Literal:
        return _convert_literal(inner, value, path)
    if origin in {tuple, frozenset}:
        items = _convert_tuple(inner if origin is tuple else (*inner, ...), value, path)
        return items if origin is tuple else frozenset(items)
    if origin in {dict, Mapping}:
        return _convert_mapping(inner[1], value, path)
    if is_dataclass(hint):
        return parse_dataclass(hint, value, path)  # type: ignore[arg-type]  # a class
    return _convert_scalar(hint, value, path)


def _convert_union(choices: tuple[Any, ...], value: object, path: str) -> Any:  # noqa: ANN401  # as above
    if value is None and type(None) in choices:
        return None
    if type(value) in choices:
        return value
    return _convert(next(kind for kind in choices if kind is not type(None)), value, path)


def _convert_literal(inner: tuple[str, ...], value: object, path: str) -> str:
    if isinstance(value, str) and value in inner:
        return value
    raise _unfit(path, value, f"one of {', '.join(inner)}")


def _convert_tuple(inner: tuple[Any, ...], value: object, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _unfit(path, value, "a list")
    if len(inner) == 2 and inner[1] is Ellipsis:
        inner = (inner[0],) * len(value)
    if len(value) != len(inner):
        raise _unfit(path, value, f"a list of {len(inner)}")
    return tuple(
        _convert(hint, item, f"{path}[{i}]")
        for i, (hint, item) in enumerate(zip(inner, value, strict=True))
    )


def _convert_mapping(inner: Any, value: object, path: str) -> dict[str, Any]:  # noqa: ANN401  # as above
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _unfit(path, value, "keys with values")
    return {key: _convert(inner, item, _join(path, key)) for key, item in value.items()}


def _convert_scalar(hint: Any, value: object, path: str) -> Any:  # noqa: ANN401  # as above
    if hint is Any:
        return value
    if hint is float:
        written = isinstance(value, str) and _EXPONENT.fullmatch(value)
        number = float(value) if written or type(value) in {int, float} else math.nan  # type: ignore[arg-type]  # a number
        if math.isfinite(number):
            return number
    elif type(value) is hint:
        return value
    names = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}
    raise _unfit(path, value, names.get(hint, str(hint)))


def _unfit(path: str, value: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"{path} = {_shown(value)}", wanted, f"correct {path}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
