"""What several statements are together: lists, values by name, conditions."""

from typing import Any

import sympy

from rlscale.judging.reading.tokens import NotUnderstood
from rlscale.judging.values import (
    Assignment,
    Collection,
    Comparison,
    Conditioned,
    Equation,
    Named,
    Quantity,
    Region,
)


def conditional(value: Any, condition: Any) -> Any:
    """An expression with a condition on its own variables.

    Raises:
        NotUnderstood: It is none, or has no variables.
    """
    if not isinstance(value, Quantity | Named | Equation):
        raise NotUnderstood("a condition on what is no expression")
    inner = value.value if isinstance(value, Named) else value
    expr = inner.difference if isinstance(inner, Equation) else getattr(inner, "expr", None)
    if expr is None or not expr.free_symbols or not isinstance(condition, Region | Comparison):
        raise NotUnderstood("a condition on a number")
    return Conditioned(value, condition)


def gathered(items: list[Any], joints: list[str]) -> Any:
    """What a list of statements is together.

    Args:
        items: Statements, n of them.
        joints: What stands between them (``,``, ``and``, ``or``), n - 1 of them.

    Raises:
        NotUnderstood: They are of kinds that do not go together.
    """
    if len(items) == 1:
        return items[0]
    if all(isinstance(item, Region) for item in items):
        return _joined([item.members for item in items], joints)
    first, rest = items[0], items[1:]
    if len(items) == 2 and isinstance(rest[0], Region) and isinstance(first, Quantity):
        return conditional(first, rest[0])  # 1/x, x != 0
    if isinstance(first, Named) and not any(isinstance(item, Named) for item in rest):
        items = [first.value, *rest]  # n = 2, 3, 4
    named = [item for item in items if isinstance(item, Named)]
    if named and len(named) < len(items):
        raise NotUnderstood("names for some of the answers")
    if len({item.name for item in named}) > 1:
        return _assigned(named, joints)
    return Collection("list", tuple(_flat([item.value for item in named] or items)))


def _joined(sets: list[Any], joints: list[str]) -> Region:
    if all(joint == "or" for joint in joints):
        return Region(sympy.Union(*sets))
    if "or" not in joints:
        return Region(sympy.Intersection(*sets))
    raise NotUnderstood("'and' beside 'or'")


def _assigned(named: list[Named], joints: list[str]) -> Assignment:
    pairs = sorted(((item.name, item.value) for item in named), key=lambda pair: pair[0])
    if "or" in joints or len({name for name, _ in pairs}) < len(pairs):
        raise NotUnderstood("names that repeat")
    return Assignment(tuple(pairs))


def _flat(items: list[Any]) -> list[Any]:
    """The answers, those of lists within the list too."""
    flat: list[Any] = []
    for item in items:
        if isinstance(item, Collection) and item.kind == "list":
            flat += item.items
        elif isinstance(item, Region | Comparison):
            raise NotUnderstood("a set among answers")
        else:
            flat.append(item)
    return flat
