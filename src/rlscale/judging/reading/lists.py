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
        sets = [item.members for item in items]
        if all(joint == "or" for joint in joints):
            return Region(sympy.Union(*sets))
        if "or" not in joints:
            return Region(sympy.Intersection(*sets))
        raise NotUnderstood("'and' beside 'or'")
    first, rest = items[0], items[1:]
    if len(items) == 2 and isinstance(rest[0], Region) and isinstance(first, Quantity):
        return conditional(first, rest[0])  # 1/x, x != 0
    if isinstance(first, Named) and not any(isinstance(item, Named) for item in rest):
        items = [first.value, *rest]  # n = 2, 3, 4
    named = [item for item in items if isinstance(item, Named)]
    if len(named) == len(items):
        names = [item.name for item in named]
        if len(set(names)) == 1:
            items = [item.value for item in named]
        elif len(set(names)) == len(names) and "or" not in joints:
            return Assignment(tuple(sorted(((n.name, n.value) for n in named), key=lambda p: p[0])))
        else:
            raise NotUnderstood("names that repeat")
    elif named:
        raise NotUnderstood("names for some of the answers")
    flat: list[Any] = []
    for item in items:
        if isinstance(item, Collection) and item.kind == "list":
            flat += item.items
        elif isinstance(item, Region | Comparison):
            raise NotUnderstood("a set among answers")
        else:
            flat.append(item)
    return Collection("list", tuple(flat))
