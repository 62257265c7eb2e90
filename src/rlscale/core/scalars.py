"""Single values that a caller hands in: what is no number of the kind asked for is refused."""

import math
from numbers import Integral, Real

from rlscale.core.errors import StudyError


def check_number(value: object, where: str, above: float, below: float = math.inf) -> None:
    """Refuse what is no finite number between two others, which are themselves left out.

    Args:
        value: What was handed in.
        where: Its name, for the message.
        above: What it has to exceed.
        below: What has to exceed it.

    Raises:
        StudyError: It is text, a truth value, a list, not finite or outside.
    """
    real = isinstance(value, Real) and not isinstance(value, bool)
    if real and above < float(value) < below:  # type: ignore[arg-type]
        return
    limits = f"above {above:g}" + (f" and below {below:g}" if below < math.inf else "")
    raise StudyError(f"{where}: {value!r} is no finite number {limits}; give one")


def check_count(value: object, where: str, least: int) -> None:
    """Refuse what is no whole number of at least ``least``.

    Raises:
        StudyError: It is something else; names ``where``.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise StudyError(f"{where}: {value!r} is no whole number of {least} or more; give one")


def check_kind(value: object, kind: type | tuple[type, ...], where: str, asked: str) -> None:
    """Refuse what is not of a kind.

    Args:
        value: What was handed in.
        kind: Type or types that it may be of.
        where: Its name, for the message.
        asked: What is asked for, in words.

    Raises:
        StudyError: It is of another kind.
    """
    if not isinstance(value, kind):
        raise StudyError(f"{where}: {asked} is asked for, not {type(value).__name__}")
