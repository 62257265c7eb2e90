"""Registries: things that users choose by name, this package's own and those of other packages.

A registry knows names and where each thing stands (``module:attribute``), or holds the thing
itself where that is light; nothing is imported before it is asked for. Another package adds to it
by an entry point of the registry's group, e.g. in its pyproject.toml::

    [project.entry-points."rlscale.laws"]
    my_law = "my_package.laws:MY_LAW"
"""

import difflib
import importlib
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from rlscale.core.errors import StudyError

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind by name.

    Args:
        kind: What they are, in the singular, for messages: ``law``.
        group: Entry-point group through which other packages add theirs: ``rlscale.laws``.
        own: Name -> this package's own, each as ``module:attribute`` or the thing itself.
    """

    def __init__(self, kind: str, group: str, own: Mapping[str, str | T]) -> None:
        self.kind = kind
        self.group = group
        self._own = dict(own)

    @cached_property
    def _targets(self) -> dict[str, str | T]:
        """All names, this package's first and in their order, others' sorted.

        Raises:
            StudyError: Another package adds a name that is taken.
        """
        targets = dict(self._own)
        for point in sorted(entry_points(group=self.group), key=lambda point: point.name):
            if targets.get(point.name, point.value) != point.value:
                raise StudyError(
                    f"two packages add the {self.kind} '{point.name}': {targets[point.name]} and "
                    f"{point.value}; uninstall one of them"
                )
            targets[point.name] = point.value
        return targets

    def names(self) -> list[str]:
        """All names; nothing is imported."""
        return list(self._targets)

    def check(self, name: str, where: str = "") -> None:
        """Refuse a name that is not there.

        Args:
            name: The name asked for.
            where: Key or option that asks for it; it begins the message.

        Raises:
            StudyError: There is no such thing; the message gives near names, or all.
        """
        if name in self._targets:
            return
        near = difflib.get_close_matches(name, self._targets, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.names())}"
        raise StudyError(f"{where}{': ' if where else ''}unknown {self.kind} '{name}'; {hint}")

    def get(self, name: str) -> T:
        """The thing of that name, imported now.

        Raises:
            StudyError: There is no such thing, or it cannot be imported.
        """
        self.check(name)
        target = self._targets[name]
        if not isinstance(target, str):
            return target
        module, _, attribute = target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise StudyError(
                f"the {self.kind} '{name}' cannot be loaded from {target}: {error}"
            ) from error

    def module(self, name: str) -> str:
        """Module in which the thing of that name stands (or its type), for digests of code.

        Raises:
            StudyError: There is no such thing.
        """
        self.check(name)
        target = self._targets[name]
        return target.partition(":")[0] if isinstance(target, str) else type(target).__module__
