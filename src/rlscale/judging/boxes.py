r"""Find what a response put into its last ``\boxed{...}``, in one pass."""

import re

_INK = re.compile(r"\S")
_TOKEN = re.compile(r"\\boxed\s*\{|\\[\s\S]|[{}]")


def boxed(text: str) -> str | None:
    r"""Content of the last non-empty ``\boxed{...}`` of a text, or None.

    A box within a box belongs to the outer one. Where a later box is opened and never closed, the
    response was cut off while it gave another answer: then there is no answer.
    """
    opened: list[tuple[bool, int]] = []  # (is a box, where its content starts)
    closed: list[tuple[int, int]] = []  # content of closed boxes, outermost ones only
    for token in _TOKEN.finditer(text):
        if token.group() == "}":
            if not opened:
                continue
            is_box, start = opened.pop()
            if is_box and _INK.search(text, start, token.start()):
                while closed and closed[-1][0] > start:
                    closed.pop()
                closed.append((start, token.start()))
        elif token.group().endswith("{") and token.group() != r"\{":
            opened.append((token.group() != "{", token.end()))
    if not closed:
        return None
    start, end = closed[-1]
    cut_off = any(is_box and place > end for is_box, place in opened)
    return None if cut_off else text[start:end].strip()
