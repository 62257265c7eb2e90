r"""Canonical text and tokens of a problem: what counts as the same problem, and what as near.

Tokens are Unicode words (in one case), numbers with their decimal point, single Chinese and
Japanese characters, LaTeX commands, operators, relations and brackets. Spaces, sentence
punctuation, dollar signs and commands that only set type are no content. What LaTeX writes in
several ways (``\dfrac12``, ``\frac{1}{2}``) and what Unicode abbreviates (``x²``, ``π``, ``≤``)
gets one form, and so do letters set apart (``A B C``, ``ABC``). Operators are never dropped:
``37+8-5`` is not ``37-8+5``.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence

import regex

_SUPERSCRIPT = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
_SUBSCRIPT = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", "0123456789+-=()", strict=True))
_SCRIPTS = [
    (sign, regex.compile(f"[{''.join(map(regex.escape, table))}]+"), str.maketrans(table))
    for sign, table in (("^", _SUPERSCRIPT), ("_", _SUBSCRIPT))
]
_SIGNS = str.maketrans(
    {
        "−": "-", "–": "-", "‐": "-", "‑": "-", "⁄": "/", "∕": "/", "ˆ": "^", "′": "'", "″": "''",
        "’": "'", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": r"\div ", "≤": r"\le ",
        "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ",
        "±": r"\pm ", "√": r"\sqrt ", "∞": r"\infty ", "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap ",
        "⊂": r"\subset ", "∠": r"\angle ", "△": r"\triangle ", "⊥": r"\perp ", "∥": r"\parallel ",
        "°": r"^\circ ", "→": r"\to ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ",
        "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "ε": r"\epsilon ",
        "θ": r"\theta ", "λ": r"\lambda ", "μ": r"\mu ", "π": r"\pi ", "ρ": r"\rho ",
        "σ": r"\sigma ", "φ": r"\phi ", "ω": r"\omega ", "Δ": r"\Delta ", "Σ": r"\Sigma ",
        "Ω": r"\Omega ", "½": " 1/2 ", "⅓": " 1/3 ", "⅔": " 2/3 ", "¼": " 1/4 ", "¾": " 3/4 ",
    }
)  # fmt: skip
_INVISIBLE = regex.compile(r"\p{Cf}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_SHORT_RUN = 8
NUL = "\0"

# Commands that set type and mean nothing; their arguments stay.
_TYPE_ONLY = frozenset(
    r"""left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr middle displaystyle
    textstyle limits nolimits quad qquad text textbf textit textrm textsc texttt textnormal emph
    mathrm mathbf mathbb mathit mathsf mathcal mathfrak mathscr boldsymbol bm operatorname rm bf it
    mbox hbox hfill noindent nonumber dots ldots cdots dotsb dotsc""".split()  # noqa: SIM905
)
_SAME_COMMAND = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom",
    "leq": "le", "leqslant": "le", "geq": "ge", "geqslant": "ge", "neq": "ne", "rightarrow": "to",
    "longrightarrow": "to", "varphi": "phi", "varepsilon": "epsilon", "degree": "circ",
    "lbrace": "{", "rbrace": "}", "overline": "bar",
}  # fmt: skip
_PLAIN = {
    "mid": "|", "vert": "|", "lvert": "|", "rvert": "|", "lt": "<", "gt": ">", "colon": ":",
    "prime": "'", "ast": "*", "%": "%", "&": "&", "#": "#", "lbrack": "[", "rbrack": "]",
}  # fmt: skip
_SILENT = frozenset(",;:!/>$()[]_-'\"`@")  # after a backslash: spaces, delimiters, accents

_SHORT_FRACTION = re.compile(r"\\([dtc]?frac)(?:\s*(\d)|\s+([A-Za-z]))\s*(\d|[A-Za-z])")
_SHORT_ARGUMENT = re.compile(
    r"\\(sqrt|bar|overline|vec|hat|widehat|tilde|dot)\s+([A-Za-z])(?![A-Za-z])"
)
# Between single letters, spaces and dollar signs are no content: "A B C" is "ABC". A subscript or
# exponent is one letter: "x^a b" is not "x^{ab}". The search begins at a gap, of which there are
# fewer than letters; what stands before it is looked up from there.
_GAP_AFTER_LETTER = re.compile(
    r"""
    [\s$\\] (?<=[A-Za-z].) (?<![^\W\d_][A-Za-z].) (?<![\\_^][A-Za-z].)
    (?:(?<!\\) | (?<=\\)[()\[\],;:!\ ])
    (?:[\s$] | \\[()\[\],;:!\ ])*
    (?=[A-Za-z](?![^\W\d_]))
    """,
    re.VERBOSE | re.DOTALL,
)
_TOKEN = regex.compile(
    r"""
    [\p{Han}\p{Hiragana}\p{Katakana}]                           # one character, one token
    | \p{L}[\p{L}\p{M}--[\p{Han}\p{Hiragana}\p{Katakana}]]*+    # word
    | \d+(?:\.\d+)? | (?<![\p{L}\d.)])\.\d+                     # number with its decimal point
    | \\(?:[A-Za-z]+\*?|[^\sA-Za-z])                            # LaTeX command
    | __+                                                       # a blank to fill: no content
    | (?:(?<=[\d)\]}'])|(?<=(?<!\p{L})\p{L}))(?:!|'(?!s\b))     # factorial, prime
    | (?<=\d\s?):(?=\s?\d)                                      # ratio
    | [-+*/^_=<>|%&~@#()\[\]{}]                                 # operators, relations, brackets
    | \p{Sm} | \p{So} | [\p{Sc}--[$]] | \p{M} | \p{N}           # every other sign
    """,
    regex.VERBOSE | regex.VERSION1,
)
# The same for ASCII, where it has simpler classes: most problems are, and ``re`` is twice as fast.
# Spaces are skipped at once, and every alternative begins with the characters that it can have.
# With Chinese and Japanese characters (WIDE) and signs that are no content (IDLE) it holds for most
# of the other texts too.
_SIMPLE = r"""
    [\s$,;?"`IDLE]*+
    ( [A-Za-z]+
    | \d+(?:\.\d+)?
    | [-+*/^=<>|%&~@#()\[\]{}WIDE]
    | \\(?:[A-Za-z]+\*?|[^\sA-Za-z])
    | _+
    | \.(?<![A-Za-z\d.)WIDE].)\d+
    | [!'](?:(?<=[\d)\]}'].)|(?<=(?<![A-Za-zWIDE])[A-Za-zWIDE].))(?<!'(?=s\b))
    | :(?:(?<=\d.)|(?<=\d\s.))(?=\s?\d)
    NUL )
    """
_WIDE = "\u3400-\u4dbf\u4e00-\u9fff\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff"
_IDLE = "“”‘—、。〈〉《》「」『』【】〔〕・§•※"
_WIDE_TEXT = re.compile(rf"[\t\n\r\x20-\x7e{_WIDE}{_IDLE}]*")


def _simple(wide: str = "", idle: str = "", nul: str = "") -> re.Pattern[str]:
    pattern = _SIMPLE.replace("WIDE", wide).replace("IDLE", idle).replace("NUL", nul)
    return re.compile(pattern, re.VERBOSE | re.DOTALL | (0 if wide else re.ASCII))


_ASCII_TOKEN, _ASCII_TOKEN_OR_NUL = _simple(), _simple(nul=r"| \x00")
_WIDE_TOKEN, _WIDE_TOKEN_OR_NUL = _simple(_WIDE, _IDLE), _simple(_WIDE, _IDLE, r"| \x00")
SETS_TYPE = r"\type"  # in the place of a command that sets type: the braces after it are idle


def tokens(problem: str) -> list[str]:
    """The content of a problem's text, in order (see the module's description)."""
    return _without_idle_braces(map(normal_form, raw_tokens(as_ascii(problem))))


def as_ascii(problem: str) -> str:
    """The text with LaTeX for what Unicode abbreviates: ASCII, where it has a form in it."""
    if problem.isascii():
        return problem
    try:
        return _NOT_ASCII.sub(_form_of_run, problem)
    except _Combining:
        return _form(problem)


class _Combining(Exception):
    """A run of characters begins with one that joins the ASCII character before it."""


def _form_of_run(match: re.Match[str]) -> str:
    run = match.group()
    if unicodedata.combining(run[0]):
        raise _Combining
    return _form_of_short_run(run) if len(run) <= _SHORT_RUN else _form(run)


def _form(text: str) -> str:
    for sign, run, letters in _SCRIPTS:
        text = run.sub(lambda m, s=sign, a=letters: f"{s}{{{m.group().translate(a)}}}", text)
    text = text.translate(_SIGNS)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    return _INVISIBLE.sub("", text)


_form_of_short_run = functools.lru_cache(maxsize=1 << 16)(_form)


def raw_tokens(text: str) -> list[str]:
    """Tokens of a text that ``as_ascii`` has seen, as they stand in it."""
    simple = _ASCII_TOKEN if text.isascii() else _WIDE_TOKEN if is_wide(text) else _TOKEN
    return simple.findall(_closed_up(text))


def is_wide(text: str) -> bool:
    """Whether a text holds but ASCII, Chinese or Japanese characters and their punctuation."""
    return _WIDE_TEXT.fullmatch(text) is not None


def raw_tokens_of_all(texts: Sequence[str]) -> list[str]:
    """The raw tokens of texts, each text's followed by ``NUL``; much faster.

    Args:
        texts: All ASCII without NUL, or all wide.
    """
    # Nothing of a pattern reaches across the separator, and a backslash before it is no command.
    joined = _closed_up("".join(f"{text} {NUL} " for text in texts))
    return (_ASCII_TOKEN_OR_NUL if joined.isascii() else _WIDE_TOKEN_OR_NUL).findall(joined)


def _closed_up(text: str) -> str:
    """The text without the shorthands and gaps that no token shows."""
    if "frac" in text:
        text = _SHORT_FRACTION.sub(r"\\\1{\2\3}{\4}", text)
    return _GAP_AFTER_LETTER.sub("", _SHORT_ARGUMENT.sub(r"\\\1{\2}", text))


def canonicalise(problem: str) -> str:
    """Canonical text: two problems with the same one are duplicates."""
    return " ".join(tokens(problem))


@functools.lru_cache(maxsize=1 << 16)
def normal_form(token: str) -> str:
    """One form of a raw token; empty where it has no content, ``SETS_TYPE`` of such a command."""
    if token[0] == "\\" and len(token) > 1:
        name = token[1:]
        if name in _TYPE_ONLY:
            return SETS_TYPE
        if name in _PLAIN:
            return _PLAIN[name]
        return "" if name in _SILENT else "\\" + _SAME_COMMAND.get(name, name)
    if token.startswith("__"):
        return ""
    if token.startswith("."):
        return "0" + token
    return token.casefold()


def _without_idle_braces(found: Iterable[str]) -> list[str]:
    """Drop braces that group nothing: around one token, or after a command that sets type."""
    kept: list[str] = []
    opened: list[tuple[int, bool]] = []
    idle = False
    for token in found:
        if token == "{":
            opened.append((len(kept), idle))
            kept.append(token)
        elif token == "}":
            if not opened:
                continue
            start, grouped_for_type = opened.pop()
            if grouped_for_type or len(kept) - start <= 2:
                del kept[start]
            else:
                kept.append(token)
        elif token and token != SETS_TYPE:
            kept.append(token)
        idle = token == SETS_TYPE
    return kept
