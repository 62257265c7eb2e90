"""A place among an answer's tokens, and the ways to go on from it."""

from collections.abc import Sequence

from rlscale.judging.reading.tokens import NotUnderstood, Token

END = Token("end", "")


class Cursor:
    """The tokens of an answer and the place of the next one.

    Methods of its subclasses read on from the place, and raise NotUnderstood where no rule knows
    what is next.

    Args:
        tokens: The answer.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = list(tokens)
        self.place = 0

    @property
    def next(self) -> Token:
        """The next token."""
        return self.tokens[self.place] if self.place < len(self.tokens) else END

    def ahead(self, count: int) -> Token:
        """The token that stands ``count`` places on."""
        place = self.place + count
        return self.tokens[place] if place < len(self.tokens) else END

    def take(self) -> Token:
        """Go past the next token."""
        token = self.next
        self.place += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these signs, commands or words."""
        return self.next.text in texts and self.next.kind in ("sign", "command", "word")

    def accept(self, *texts: str) -> bool:
        """Go past one of these, where it is next."""
        if self.at(*texts):
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Go past this.

        Raises:
            NotUnderstood: Something else is next.
        """
        if not self.accept(text):
            raise NotUnderstood(f"'{text}' expected, not '{self.next.text}'")
