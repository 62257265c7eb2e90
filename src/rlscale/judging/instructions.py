"""The verifier of instructions that a program can check, by the names of IFEval (strict)."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from rlscale.judging.verdicts import Verdict

_LONGEST = 100_000
_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "less than": lambda found, wanted: found < wanted,
    "at least": lambda found, wanted: found >= wanted,
}
_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_POSTSCRIPTS = {"P.P.S": r"\s*p\.\s?p\.\s?s.*$", "P.S.": r"\s*p\.\s?s\..*$"}


def _count(found: int, wanted: int, relation: str) -> bool:
    return _RELATIONS[relation](found, wanted)


def _words_stand(text: str, keywords: list[str]) -> bool:
    return all(re.search(re.escape(word), text, re.IGNORECASE) for word in keywords)


def _frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    found = re.findall(re.escape(keyword), text, re.IGNORECASE)
    return _count(len(found), frequency, relation)


def _forbidden(text: str, forbidden_words: list[str]) -> bool:
    return not any(
        re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in forbidden_words
    )


def _letters(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _count(text.lower().count(letter.lower()), let_frequency, let_relation)


def _word_count(text: str, num_words: int, relation: str) -> bool:
    return _count(len(re.findall(r"\w+", text)), num_words, relation)


def _paragraphs(text: str, num_paragraphs: int) -> bool:
    parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", text)]
    return all(parts[1:-1]) and len([part for part in parts if part]) == num_paragraphs


def _first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    parts = re.split(r"\n\n", text)
    full = [part for part in parts if part.strip()]
    if len(full) != num_paragraphs or not 0 < nth_paragraph <= len(full):
        return False
    words = parts[nth_paragraph - 1].split()
    if not words:
        return False
    word = words[0].lstrip("'\"")
    return re.split("[.,?!'\"]", word)[0].lower() == first_word.lower()


def _placeholders(text: str, num_placeholders: int) -> bool:
    return len(re.findall(r"\[.*?\]", text)) >= num_placeholders


def _postscript(text: str, postscript_marker: str) -> bool:
    pattern = _POSTSCRIPTS.get(postscript_marker, rf"\s*{postscript_marker.lower()}.*$")
    return re.search(pattern, text.lower(), re.MULTILINE) is not None


def _bullets(text: str, num_bullets: int) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", text, re.MULTILINE)
    return len(stars) + len(re.findall(r"^\s*-.*$", text, re.MULTILINE)) == num_bullets


def _highlights(text: str, num_highlights: int) -> bool:
    found = re.findall(r"\*[^\n\*]*\*", text) + re.findall(r"\*\*[^\n\*]*\*\*", text)
    return len([part for part in found if part.strip("*").strip()]) >= num_highlights


def _sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.split(rf"\s?{re.escape(section_spliter)}\s?\d+\s?", text)) > num_sections


def _json(text: str) -> bool:
    inner = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip(), flags=re.IGNORECASE)
    try:
        json.loads(inner)
    except (ValueError, RecursionError):
        return False
    return True


def _title(text: str) -> bool:
    return any(found.strip("<> ") for found in re.findall(r"<<[^\n]+>>", text))


def _two(text: str) -> bool:
    parts = [part.strip() for part in text.split("******")]
    full = [part for part in parts if part]
    return all(parts[1:-1]) and len(full) == 2 and full[0] != full[1]


def _repeats(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _ends(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _quoted(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and text.startswith('"') and text.endswith('"')


# Left out: what needs a model of language (sentences, languages, tokens of capitals). Of the two
# rules on case the language is not checked.
RULES: dict[str, Callable[..., bool]] = {
    "keywords:existence": _words_stand,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letters,
    "length_constraints:number_words": _word_count,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": lambda text: any(own in text for own in _ANSWERS),
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two,
    "combination:repeat_prompt": _repeats,
    "startend:end_checker": _ends,
    "startend:quotation": _quoted,
    "change_case:english_capital": str.isupper,
    "change_case:english_lowercase": str.islower,
    "punctuation:no_comma": lambda text: "," not in text,
}


class Instructions:
    """The response follows all instructions.

    The gold is JSON: a list of ``[name, arguments]``. One with a name that no rule has, or with
    arguments that its rule does not take, cannot be used.
    """

    pooled = True
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The whole response."""
        return response[:_LONGEST] if response.strip() else None

    def respond(self, answer: str) -> str:
        """The response itself."""
        return answer

    def usable(self, gold: str) -> bool:
        """Whether every instruction has a rule that takes its arguments."""
        wanted = _instructions(gold)
        try:
            for name, arguments in wanted or ():
                RULES[name]("a text", **arguments)
        except (KeyError, TypeError, AttributeError, re.error):
            return False
        return bool(wanted)

    def compare(self, answer: str, gold: str) -> Verdict:
        """Check the instructions in their order."""
        broken = [name for name, own in _instructions(gold) or () if not RULES[name](answer, **own)]
        return Verdict("wrong" if broken else "correct", answer, ", ".join(broken))


def _instructions(gold: str) -> list[tuple[str, Mapping[str, Any]]] | None:
    try:
        return [(str(name), dict(arguments)) for name, arguments in json.loads(gold)]
    except (ValueError, TypeError):
        return None


INSTRUCTIONS = Instructions()
