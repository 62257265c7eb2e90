"""What counts as the same problem: adversarial twins, each with its expected relation."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rlscale.data import canonical
from rlscale.data.canonical import canonicalise, tokens
from rlscale.data.dedup import Text
from rlscale.data.near import jaccard

STEM = (
    r"Let $f(x)=\frac{1}{2}x^{2}-3x+5$ be defined for all real $x$. Tom has 12 apples and gives "
    r"away 5 of them. What is the value of $f(2)+f(3)$ when the apples are counted as well?"
)
DUPLICATES = {
    "spacing": (STEM, STEM.replace(" ", "  ").replace("-3x", " - 3 x")),
    "macros": (STEM, STEM.replace(r"\frac{1}{2}", r"\dfrac12").replace("f(2)", r"f\left(2\right)")),
    "case": (STEM, STEM.upper().replace("F(", "f(").replace(r"\FRAC", r"\frac")),
    "punctuation": (STEM, STEM.replace("?", ".").replace("$", "")),
    "superscript": ("x²+1", "x^{2}+1"),
    "full width": ("37＋8−5=", "37+8-5="),
    "greek": ("area of 2πr", r"area of $2\pi r$"),
    "spaced letters": ("Let $A B C D$ be $2 a b$", "Let $ABCD$ be $2ab$"),
    "spaced letters and delimiters": (r"product \(x\) \( y \)", "product $x y$"),
    "short fraction": (r"\tfrac ab", r"\frac{a}{b}"),
    "chinese": ("已知函数 f(x)=x²，求 f(3)。", "已知函数f(x)=x^2, 求f(3)"),
    "ligature": ("ﬁnd the inﬁnite sum", "Find the infinite sum"),
    "short sum": ("3 + 4 =", "3+4=?"),
}
DIFFERENT = {
    "swapped operator": ("37+8-5=", "37-8+5="),
    "sign": ("x-(-3)", "x-3"),
    "relation": (r"Find x with x \le 3", r"Find x with x \ge 3"),
    "decimal point": ("3.5", "35"),
    "decimal comma": ("(1,2)", "(12)"),
    "grouping": ("2*(3+4)", "2*3+4"),
    "braces": ("2^{3+4}", "2^3+4"),
    "exponent": ("x^a b", "x^{ab}"),
    "subscript": ("z_a z_b", "z_{az}_b"),
    "root": (r"\sqrt a b", r"\sqrt{ab}"),
    "arguments": ("f(a, b)", "f(a b)"),
    "word and letter": ("ab c", "abc"),
    "power": ("x²", "x2"),
    "factorial": ("n! is", "n is"),
    "derivative": ("f'(x)", "f(x)"),
    "chinese words": ("红球有三个", "白球有三个"),
    "mixed script": ("求 f(3) 的最大值", "求 f(3) 的最小值"),
    "thai": ("กา", "กี"),
    "vowel sign": ("कि", "की"),
    "half": ("3½", "31/2"),
    "greek case": ("Δ", "δ"),
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_twins_that_are_the_same_problem(name: str) -> None:
    first, second = DUPLICATES[name]
    assert canonicalise(first) == canonicalise(second)


@pytest.mark.parametrize("name", DIFFERENT)
def test_twins_that_are_never_duplicates(name: str) -> None:
    first, second = DIFFERENT[name]
    assert canonicalise(first) != canonicalise(second)


@pytest.mark.parametrize(
    ("change", "near"),
    [
        (("12 apples", "17 apples"), True),
        (("Tom", "Ann"), True),
        (("12 apples and gives away 5", "9 pears and keeps 7"), False),
    ],
)
def test_changed_numbers_or_names_are_judged_by_their_similarity(change, near) -> None:
    text = Text.of([STEM, STEM.replace(*change)])
    grams = [
        {tuple(t[i : i + 5]) for i in range(len(t) - 4)}
        for t in map(tokens, [STEM, STEM.replace(*change)])
    ]
    true = len(grams[0] & grams[1]) / len(grams[0] | grams[1])
    assert jaccard(text.shingles, text.shingles, np.array([[0, 1]])) == pytest.approx([true])
    assert (true >= 0.7) is near
    assert text.canonical[0] != text.canonical[1]


def test_short_texts_have_no_ngrams_so_only_identity_counts() -> None:
    assert Text.of(["3+4=", "1+2+3="]).shingles.sizes.tolist() == [0, 2]


@given(st.text(st.characters(max_codepoint=127), max_size=60))
@example("x' = 3! 2:1 2 : 1 .5 a.5 )! f'(x) ab's \\dfrac12 __ \\\\")
def test_ascii_has_the_tokens_of_the_general_pattern(text: str) -> None:
    assert canonical._ASCII_TOKEN.findall(text) == canonical._TOKEN.findall(text)


_WIDE_CHARACTERS = st.sampled_from([*"的值えカ、。“”【》一鿿㐀ab.!'s:25 \\{}_()/$,"])


@given(st.text(_WIDE_CHARACTERS, max_size=40))
@example("是A' 是' A的' .5的.5 的 .5 's的 x's 2:1的:1 \\的 \\、 (的)! 的!")
def test_wide_texts_have_the_tokens_of_the_general_pattern(text: str) -> None:
    assert canonical.is_wide(text)
    assert canonical._WIDE_TOKEN.findall(text) == canonical._TOKEN.findall(text)


def test_every_character_of_a_wide_text_counts_as_in_the_general_pattern() -> None:
    wide = [c for c in map(chr, range(0x80, 0x30000)) if canonical.is_wide(c)]
    assert len(wide) > 20_000
    for c in wide:
        alone = canonical._TOKEN.findall(f"a{c}b")
        assert alone == canonical._WIDE_TOKEN.findall(f"a{c}b"), hex(ord(c))
    assert not any(map(canonical.is_wide, "éяΔ½\u3000\xa0\0\x1c\u30fc\u200b"))
