r"""How answers are written: the closed tables of characters and wrappings that change no value."""

import re

_CHARACTERS = {
    "−": "-", "–": "-", "﹣": "-", "－": "-", "×": r"\times ", "✕": r"\times ", "·": r"\cdot ",
    "⋅": r"\cdot ", "∙": r"\cdot ", "÷": r"\div ", "∕": "/", "⁄": "/", "≤": r"\le ", "≥": r"\ge ",
    "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "±": r"\pm ", "∞": r"\infty ",
    "π": r"\pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ",
    "λ": r"\lambda ", "φ": r"\phi ", "ω": r"\omega ", "σ": r"\sigma ", "μ": r"\mu ",
    "°": r"\degree ", "º": r"\degree ", "∘": r"\circ ", "℃": r"\degree celsius ",
    "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "∖": r"\setminus ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}",
    "ℂ": r"\mathbb{C}", "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "⌈": r"\lceil ", "⌉": r"\rceil ", "′": "'", "’": "'", "“": '"', "”": '"', "…": r"\ldots ",
    "、": ",", "，": ",", "。": ".", "：": ":", "；": ";", "（": "(", "）": ")", "【": "[",
    "】": "]", "∶": ":", "％": "%", "＄": "$", "￥": "¥", "√": r"\sqrt  ", "∛": r"\sqrt[3] ",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u200b": "", "\u3000": " ", "\ufeff": "",
    "\u200c": "", "\u200d": "", "\u2060": "", "\u00ad": "",
    "½": "{1/2}", "⅓": "{1/3}", "⅔": "{2/3}", "¼": "{1/4}", "¾": "{3/4}", "⅕": "{1/5}",
    "⅖": "{2/5}", "⅗": "{3/5}", "⅘": "{4/5}", "⅙": "{1/6}", "⅚": "{5/6}", "⅛": "{1/8}",
    "⅜": "{3/8}", "⅝": "{5/8}", "⅞": "{7/8}",
}  # fmt: skip
_CHARACTERS |= {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)} | _CHARACTERS  # full width
_TABLE = str.maketrans(_CHARACTERS)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ROOT_OF_NUMBER = re.compile(r"\\sqrt  ?(\d+(?:\.\d+)?)")
_FRACTIONS = re.compile(r"(?<=\d)\s*\{(\d)/(\d)\}")

_SPACES = re.compile(
    r"\\\\|\\(?:[,;:> ()\[\]]|(?:quad|qquad|thinspace|enspace|space|hfill)(?![A-Za-z])"
    r"|hspace\*?\{[^{}]*\}|phantom\{[^{}]*\})|~|[\t\r\n]"
)
_IGNORED = re.compile(
    r"\\(?:displaystyle|textstyle|scriptstyle|tiny|small|normalsize|large|Large|LARGE|huge|Huge"
    r"|left|right|middle|bigl|bigr|Bigl|Bigr|biggl|biggr|Biggl|Biggr|big|Big|bigg|Bigg|limits"
    r"|nolimits|checkmark|bf|rm|it|sf|tt|bfseries|itshape|boldmath|centering|blacksquare|square|nonumber|notag)"
    r"(?![A-Za-z])\.?"
    r"|\\(?:color|label|tag\*?)\s*\{[^{}]*\}|\\textcolor\s*\{[^{}]*\}|\\!|✓|✔|\\#"
)
# Commands around a group that change no value; their braces stay, as a group.
_WRAPPERS = re.compile(
    r"\\(?:boxed|fbox|underline|underbrace|overbrace|bm|boldsymbol|ensuremath|mathord|mathop|mathbin|mathrel|emph"
    r"|pmb|hbox|colorbox\s*\{[^{}]*\}|mathnormal|mathstrut)(?![A-Za-z])"
)
_PAIRS = (("$$", "$$"), ("$", "$"), ("**", "**"), ("`", "`"))
_MOST_LABELS = 3
_MOST_LAYERS = 100  # deeper than an expression may be nested
_EQUALS = re.compile(r"\A(?:=|\\(?:approx|simeq|therefore|implies|Rightarrow)(?![A-Za-z])|\s)+")
_LABEL = re.compile(
    r"(?:\s*\{)*\s*(?:(?:so|thus|hence|therefore),?\s+)?(?:the\s+)?(?:final\s+|correct\s+)?"
    r"(?:answer|result|solution|value)(?:\s+is|\s*[:=])\s*[:=]?|^\s*(?:答案是|答案为|答案|答)\s*:?",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:\s|(?<!\.)\.{1,2}|(?:(?<!\\)|(?<=\\\\))[,;]|\\)\Z")
# An interval whose open ends are brackets that look outwards; a set of numbers less some of them.
_OUTWARD = re.compile(r"([\[\]])([^\[\](),;]+[,;][^\[\](),;]+)([\[\]])")
_LESS = re.compile(r"(\\mathbb\s?\{?\s?[RZNQC]\s?\}?)\s?-\s?(?=\\\{)")
# dy/dx is no quotient of which d can be taken off: it is read as a name of its own.
_D = r"(?:\\(?:mathrm|text|operatorname)\s?\{\s?d\s?\}|d)\s?"
_TIMES = r"(?:\^\s?(?:\d|\{\s?\d\s?\})\s?)?"
_DERIVATIVE = re.compile(
    rf"\\[dtc]?frac\s?\{{\s?{_D}{_TIMES}[A-Za-z]?\s?\}}\s?\{{\s?{_D}[A-Za-z]\s?{_TIMES}\}}"
    rf"|(?<![A-Za-z\\]){_D}[A-Za-z]\s?/\s?{_D}[A-Za-z](?![A-Za-z])"
)
_ROMAN_DIGITS = re.compile(r"\\(?:text|mathrm)\s?\{([0-9A-F]+)\}(?=\s?_\s?\{?1[1-6])")
_FULL_STOP = re.compile(r"\\text\s?\{\s?[.,]?\s?\}\s?\Z")
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z({\[%])")
_SINGLE = re.compile(r"(?<!\\)\\(?!\\)")
_ORDINAL = re.compile(
    r"(?<=\d)\s*(?:\^\s*\{\s*(?:\\[a-z]+\s*\{\s*)?|\^?\s*\\[a-z]+\s*\{\s*)(?:st|nd|rd|th)(?![A-Za-z])[\s}]*"
)
_ENVIRONMENT = re.compile(
    r"\$*\s*\\begin\{(cases|align\*?|aligned|gathered|split)\}((?:(?!\\begin|\\end).)*)\\end\{\1\}\s*\$*",
    re.DOTALL,
)
_BRACES = re.compile(r"\\.|[{}]")
TEXT = re.compile(
    r"\\(?:text(?:rm|bf|it|sf|tt|normal|up|sc|md)?|mbox|math(?:rm|bf|it|sf|tt|normal)|operatorname\*?)"
    r"(?![A-Za-z])"
)


def clean(answer: str) -> str:
    """An answer without the wrappings that change no value; in time linear in its length."""
    text = re.sub(r",\\!\s*|,\{\}|\{,\\?!?\}", "{,}", answer.translate(_TABLE))
    text = re.sub(r"(?<![A-Za-z^_}\]])\{\}", "", text.replace(r"\text{,}", "{,}"))
    text = re.sub(r"\\(?:text|math)dollar(?![A-Za-z])", "$", text)
    text = _ROOT_OF_NUMBER.sub(r"\\sqrt{\1}", text)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+", lambda m: "^{" + m.group().translate(_RAISED) + "}", text)
    text = re.sub("[₀-₉]+", lambda m: "_{" + m.group().translate(_LOWERED) + "}", text)
    text = _FRACTIONS.sub(r" \\frac{\1}{\2}", text)
    text = re.sub(r"\{(\d)/(\d)\}", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\s{3,}", "  ", _SPACES.sub(_space, text))  # as much as any rule tells apart
    text = _trimmed(_FULL_STOP.sub("", text.strip()))
    if _DOUBLED.search(text) and not _SINGLE.search(text):
        text = text.replace(r"\\", "\\")  # escaped twice, as some published golds are
    text = text.replace(r"\$", " $ ").replace("{:}", ":")
    text = _WRAPPERS.sub("", _IGNORED.sub("", text))
    text = re.sub(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))", r" \\degree ", text)
    text = _DERIVATIVE.sub(_derivative, text)
    text = _ROMAN_DIGITS.sub(r"\1", text)
    text = _LESS.sub(r"\1\\setminus ", _OUTWARD.sub(_inward, _ORDINAL.sub("", text)))
    return _unwrapped(_lines(text))


def _lines(text: str) -> str:
    """What stands alone in an environment of lines; lines that are equations as a list."""
    match = _ENVIRONMENT.fullmatch(text)
    if not match or (match.group(1) == "cases" and "&" in text):
        return text
    lines = [line for line in match.group(2).replace("&", " ").split(r"\\") if line.strip()]
    several = len(lines) > 1 and all(line.count("=") == 1 for line in lines)
    return ", ".join(lines) if several or len(lines) == 1 else text


def _trimmed(text: str) -> str:
    """Without the signs that end sentences and lines, from the end on: in linear time."""
    end = len(text)
    while last := _ENDING.search(text, max(0, end - 2), end):
        end = last.start()
    return text[:end]


def _derivative(match: re.Match[str]) -> str:
    written = re.sub(r"\\[A-Za-z]+|[^A-Za-z0-9]", "", match.group())
    return f" D_{{{written}}} "


def _inward(match: re.Match[str]) -> str:
    left, ends, right = match.groups()
    return f"{'(' if left == ']' else '['}{ends}{')' if right == '[' else ']'}"


def _space(match: re.Match[str]) -> str:
    return match.group() if match.group() == r"\\" else " "


def _unwrapped(text: str) -> str:
    """Without signs around or at the end of the whole; each sign is taken off once or more."""
    for _ in range(_MOST_LAYERS):
        before = text
        text = _trimmed(text.strip())
        for start, end in _PAIRS:
            inner = text[len(start) : -len(end)]
            if (
                text.startswith(start)
                and text.endswith(end)
                and inner
                and (start == "**" or start not in inner)
            ):
                text = inner
                break
        group = TEXT.match(text)
        inner = text[group.end() :].lstrip() if group else text
        if inner.startswith("{") and inner.endswith("}") and _closes(inner) == len(inner) - 1:
            text = inner[1:-1]
        if text == before:
            break
    return text


def _closes(text: str) -> int:
    """Where the group that a text begins with closes; -1 where it does not."""
    depth = 0
    for brace in _BRACES.finditer(text):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return brace.start()
    return -1


def without_label(text: str) -> str:
    """Without "the answer is" or the like before it, whether or not that stands in ``\\text``."""
    for _ in range(_MOST_LABELS):
        text = _unwrapped(_EQUALS.sub("", text))
        wrapped = TEXT.match(text)
        plain = text[wrapped.end() :] if wrapped else text
        match = _LABEL.match(plain)
        if not match:
            break
        rest = plain[match.end() :]
        for _ in range(match.group().count("{")):  # groups that held the label
            rest = rest.replace("}", " ", 1)
        text = _unwrapped(rest) or text
    return text
