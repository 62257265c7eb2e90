"""Frozen dataclasses as JSON values and back."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Self


class Record:
    """Base of a frozen dataclass that stands in a document, field for key.

    Fields with ``metadata={"live": True}`` exist in memory only.
    """

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values, in order."""
        return {own.name: _plain(getattr(self, own.name)) for own in _stored(type(self))}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The record that ``to_json`` wrote."""
        hints = typing.get_type_hints(cls)
        return cls(**{own.name: _typed(value[own.name], hints[own.name]) for own in _stored(cls)})


def _stored(cls: type) -> list["dataclasses.Field[Any]"]:
    return [own for own in dataclasses.fields(cls) if not own.metadata.get("live")]


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _typed(value: Any, hint: Any) -> Any:
    if value is None:
        return None
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _typed(value, next(item for item in inner if item is not type(None)))
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json(value)
    if origin is tuple:
        return tuple(_typed(item, inner[0]) for item in value)
    if origin is Mapping:
        return {key: _typed(item, inner[1]) for key, item in value.items()}
    return value
