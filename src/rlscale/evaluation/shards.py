"""Shards of an evaluation: equal shares of what is asked, each asked by a job of its own.

What is asked lies on a line: checkpoint after checkpoint, and within one the problems by a hash of
their names. Shards are equal pieces of that line, so each loads as few checkpoints as can be. Who
asks a sample decides nothing of it, so any number of shards ends in the same store.
"""

import hashlib
import re
from dataclasses import dataclass

from rlscale.core.errors import StudyError

_BITS = 32  # of a problem's hash


@dataclass(frozen=True)
class Shard:
    """One of ``of`` equal shares.

    Attributes:
        number: Which one, from 1.
        of: How many there are.
    """

    number: int = 1
    of: int = 1

    @classmethod
    def named(cls, name: str) -> "Shard":
        """The shard of that name, the inverse of ``str``.

        Raises:
            StudyError: It is no shard's, such as ``2of3``.
        """
        found = re.fullmatch(r"(\d+)of(\d+)", name)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise StudyError(f"'{name}' is no shard; the second of three is called 2of3")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}of{self.of}"

    def holds(self, place: int, places: int, problem_id: str) -> bool:
        """Whether this shard asks a problem at a checkpoint.

        Args:
            place: Place of the checkpoint among those of its cell, from 0.
            places: How many there are.
            problem_id: The problem.
        """
        digest = hashlib.sha256(problem_id.encode()).digest()
        hashed = int.from_bytes(digest[: _BITS // 8], "big")
        on_line = (place << _BITS) + hashed
        return on_line * self.of // (places << _BITS) == self.number - 1


WHOLE = Shard()
