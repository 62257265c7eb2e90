"""Option letters: which of the options A to J an answer names."""

import re

from rlscale.judging.writing import TEXT, clean, without_label

_LETTER = re.compile(
    r"(?:(?:option|choice|answer)\s*:?\s*)?[\[(]?\s*([A-J])\s*(?:$|[\])](?![+*|/=\[%^_(])|[.:]|-\s|(?=\()|(?=\s[\d(\\$]))(.*)",
    re.IGNORECASE | re.DOTALL,
)
_ANOTHER = re.compile(r"\s*(?:[,;&/]|and\b|or\b)?\s*[\[(]?[A-J][\])]?\s*(?:$|[,;&/.:)]|and\b|or\b)")


def option_letter(answer: str) -> str | None:
    """The one option letter of an answer, or None.

    It may stand in brackets, with a full stop or colon, after "option", or with its option's text
    after it; two letters are no answer, and small letters are none.
    """
    text = TEXT.sub("", without_label(clean(answer))).replace("{", "").replace("}", "")
    match = _LETTER.fullmatch(text.strip(" $."))
    if match is None or not match.group(1).isupper() or _ANOTHER.match(match.group(2)):
        return None
    return match.group(1)
