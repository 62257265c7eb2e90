"""Gold answers of which any one is right, as text: a JSON array of strings.

A gold answer is one text everywhere (tables, TRL's columns, sample stores). Where several are right
it is the array of them, such as ``["1/2", "0.5"]``: no answer of any verifier is written so.
"""

import json
from collections.abc import Sequence


def any_of(golds: Sequence[str]) -> str:
    """One text for gold answers of which any is right; of one, that itself.

    Example:
        >>> any_of(["1/2", "0.5"])
        '["1/2", "0.5"]'
    """
    distinct = list(dict.fromkeys(golds))
    return distinct[0] if len(distinct) == 1 else json.dumps(distinct, ensure_ascii=False)


def alternatives(gold: str) -> list[str]:
    """The gold answers of which any is right: those of the array, or the text itself.

    Example:
        >>> alternatives('["1/2", "0.5"]'), alternatives("[1, 2]")
        (['1/2', '0.5'], ['[1, 2]'])
    """
    if gold.startswith('["'):
        try:
            found = json.loads(gold)
        except ValueError:
            return [gold]
        if found and all(isinstance(member, str) for member in found):
            return found
    return [gold]
