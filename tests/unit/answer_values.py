# ruff: noqa: E501 (tables)
r"""Answers of one value: gold -> what is right, and what is not.

Each list shows a kind: units, wrappings, other forms, words that change the value, near values.
"""

VALUES: dict[str, tuple[list[str], list[str]]] = {
    "5": (
        [
            r"5\text{ units}", r"\textcolor{blue}{5}", r"{\color{red}5}", r"{\bf 5}",
            r"\mathbf{5}", r"5 \text{ cm}", r"\$5", "5 dollars per day", r"5\,\text{m/s}",
            r"5\text{ m}^2", "5 square meters", "five", r"\text{five}", "x_1=5",
            "a+b+c=5", "5°", r"5^{\circ}\text{C}", "５", "5．", "5个", "5 元", r"\frac{10}{2}",
            r"\sqrt{25}", "|-5|", "5.00", r"\text{(A) }5", "(C) 5", "A. 5", "AB = 5",
            r"\overline{AB}=5", r"5\text{th}", "5th", "5!/4!", r"\log_2 32", r"\lfloor 5.7 \rfloor",
            r"5\text{ ways}", r"5 \text{ students}", r"\$5.00", r"5\%", r"\ln e^5",
            "5 feet", "5ft", "5 ft", r"5\mathrm{cm}", r"5\,\mathrm{m}", "5 m", "5 kg",
            r"5 \text{ hours}", "**5**", "`5`", "Answer: 5", "The final answer is 5",
            r"\text{Therefore, the answer is } 5", r"5 \blacksquare", r"\left(5\right)",
            r"5 \textit{ miles}", r"\bf{5}", r"5\text{ (units)}", r"\boxed{5}\text{ cm}",
            "5 inches", r"\underline{\textbf{5}}", r"\sin 90^\circ \cdot 5", r"x\approx 5",
            r"\approx 5",
        ],
        [
            "5 squared", "5 cubed", "5 halves", "5x", "5 billion", "5 score", "5 plus 1",
            "5, 6", "5 or 6", "5 and 6", "5 or so", "at least 5", "5 at most", "about 5",
            "more than 5", "5+", "5-", "5*", "5/2", "5/", "5^2", "5_6", "5!", "5i",
            "5 i", r"5\pi", "5e", "5e2", r"5 \times 10", "-5", "5 below zero", "5 less",
            "50", "5.0001", "5.00000000000001", "(5", "5)", "[5,6]", "(5,0)", r"\{5,6\}",
            "x>5", r"x \ge 5", r"\neq 5", r"5 \pm 0", "5x=5", "x+1=5", "2x=5", "x^2=5",
            "x=5k", "5 = 6", "6 = 5", r"5\%\%", "0x5", "5 tens", "5 hundredths",
            "5 pairs of dozens", r"5 \text{ times } 3", r"5 \text{ choose } 2", r"5 \ldots",
            "5?", "5 5", "5:00", "5 mod 7", r"5 \pmod 7", "negative 5", "minus 5",
            r"\text{minus } 5", "not 5", r"5\text{ or none}", r"5\text{ if }x>0",
            "5 if x > 0", r"\frac{5}", r"5\frac{1}{2}", "5 1/2", "5 half", "5 quarters",
            "5 t", "5 K", r"5\text{k}", r"5\text{M}", "5 cube", "5 root", "5 square",
            "5 prime", r"5\text{K}", "5 l", r"5\text{ x}", "5 point 3", "5 per",
            "5 times 3", "5 m+n", "5 m x", "5 packs of 6", "5 of them", "5 A", r"\sqrt{5}",
            "V", "5_{10}5", r"5\%5", "5 5 5", "55", "5'", r"\bar{5}", "5^{th}5",
            "5^*", r"5\dagger",
        ],
    ),
    r"\frac{3}{4}": (
        [
            "0.75", ".75", "3/4", "¾", r"\frac34", r"\frac 3 4", r"\tfrac{3}{4}",
            r"\frac{3}{4} \text{ cups}", r"75\%", r"\frac{6}{8}", r"1-\frac14", "3 / 4",
            "{3}/{4}",
        ],
        [
            "4/3", "3:4", "34", r"3\frac{1}{4}", "0.7500001", "75", "7.5",
        ],
    ),
    r"\sqrt{2}": (
        [
            "2^{0.5}", "√2", "sqrt(2)", r"2^{\frac12}", r"\sqrt 2", r"\sqrt[4]{4}",
            r"1\cdot\sqrt2",
        ],
        [
            "1.41421356237", "1.4142135623730951", r"\sqrt{2.0000001}", "2", r"\sqrt2 x",
        ],
    ),
    "0.001": (
        [
            "10^{-3}", r"\frac{1}{1000}", "1e-3", r"0.1\%", ".001",
        ],
        [
            "0.01", "0.0010001", "1",
        ],
    ),
    r"2\sqrt{3} \text{ meters}": (
        [
            r"2\sqrt3", r"2\sqrt{3}\text{ m}", r"200\sqrt3 \text{ cm}",
        ],
        [
            r"2\sqrt3\text{ cm}", r"2\sqrt3 \text{ kg}", "2",
        ],
    ),
    "x^3-1": (
        [
            "(x-1)(x^2+x+1)", "x^3 - 1", "-1+x^3", "x*x*x-1",
        ],
        [
            "x^3+1", "y^3-1", "(x-1)^3",
        ],
    ),
    "ab+c": (
        [
            "c+ab", "ba+c",
        ],
        [
            "abc", "a+b+c",
        ],
    ),
    r"\text{even}": (
        [
            "even", "Even", r"\textbf{Even}", r"\mathrm{even}",
        ],
        [
            "odd", "even and odd", "veen", "neve", "2",
        ],
    ),
    "yes": (
        [
            "Yes", r"\text{Yes}", "YES.", r"\textbf{yes}",
        ],
        [
            "no", "yse", "yes and no",
        ],
    ),
    r"\frac{a}{b}": (
        [
            "a/b", "ab^{-1}", r"\frac{2a}{2b}", r"a \div b",
        ],
        [
            "b/a", "ab", "a-b",
        ],
    ),
    r"120^\circ": (
        [
            "120", r"120^{\circ}", "120 degrees", "120°", r"\angle ABC = 120^\circ",
        ],
        [
            r"60^\circ", "12", r"\frac{2\pi}{3} \text{ rad}", "120 cm",
        ],
    ),
    r"\binom{8}{3}": (
        [
            "56", r"\frac{8!}{5!3!}", r"\dbinom{8}{5}", r"{8 \choose 3}",
        ],
        [
            r"\binom{8}{4}",
        ],
    ),
    r"\infty": (
        [
            r"+\infty", "infinity", "Infinity",
        ],
        [
            r"-\infty", "0",
        ],
    ),
    "1+2i": (
        [
            "2i+1", r"1+2\mathrm{i}", "(1+2i)",
        ],
        [
            "1-2i", "2+i", "1+2", "(1,2)",
        ],
    ),
    r"3\times 10^8": (
        [
            "300000000", "3e8", "3E8", "300,000,000", r"3 \cdot 10^{8}", r"3 \times 10^{8} \text{ m/s}",
        ],
        [
            r"3\times10^9", "310^8",
        ],
    ),
    "A": (
        [
            "A", "(A)", r"\text{A}", "A.", "A)", r"\textbf{(A)}", r"\text{(A) } 5",
            "Option A", "[A]", "**A**", r"\left(A\right)", r"\bf A",
        ],
        [
            "B", "A or B", "A, B", "AB", "a", "A and C", "(A)(B)",
        ],
    ),
    "7:30": (
        [
            "7:30", "7:30 PM", r"7\!:\!30", r"7:30 \text{ a.m.}",
        ],
        [
            "7:31", "30:7", "7.5", "730",
        ],
    ),
    "1011_2": (
        [
            "1011_{2}",
        ],
        [
            "1011", "11", "1011_3", "1011_{10}",
        ],
    ),
    r"\$1{,}250.50": (
        [
            "1250.50", "1,250.5", r"\$1250.50", "1250.5 dollars", "125050 cents",
        ],
        [
            "1250", "12505", "125050",
        ],
    ),
    r"\\frac{2}{3}": (
        [
            r"\frac{2}{3}", "2/3",
        ],
        [
            "3/2", "0.667",
        ],
    ),
    r"\\text{ and }": (
        [

        ],
        [
            "5",
        ],
    ),
    r"864 \mbox{ inches}^2": (
        [
            "864", r"864 \text{ in}^2", "864 square inches", r"6 \text{ ft}^2",
        ],
        [
            "864 inches", "86",
        ],
    ),
    r"\ln(ab)": (
        [
            r"\ln a+\ln b", r"\ln(ba)",
        ],
        [
            r"\ln a - \ln b", r"\ln a \ln b", "ab",
        ],
    ),
    r"a\sqrt{b}": (
        [
            r"\sqrt{a^2b}", r"\sqrt{b}a",
        ],
        [
            r"\sqrt{ab}", "a b",
        ],
    ),
    "|x|": (
        [
            r"\lvert x\rvert", "|{-x}|",
        ],
        [
            "x", "-x", "x^2",
        ],
    ),
    "-2": (
        [
            r"\sqrt[3]{-8}", "-2.0", "−2", r"\frac{-4}{2}", "-√4",
        ],
        [
            "2", "+2", r"\sqrt{4}",
        ],
    ),
    "2^{3^2}": (
        [
            "512",
        ],
        [
            "64",
        ],
    ),
    "12 cm": (
        [
            "12", "0.12 m", "120 mm",
        ],
        [
            "12%", "12 m", "12 kg", "1.2",
        ],
    ),
    "n^2 + n": (
        [
            "n(n+1)", r"n^2+n, n\ge1", "n*(n+1)", r"2\binom{n+1}{2}",
        ],
        [
            "n^2", "n(n-1)", "m^2+m",
        ],
    ),
    r"\text{June 6}": (
        [
            "June 6", r"\text{June 6}",
        ],
        [
            "June 7", "6",
        ],
    ),
    r"30\sqrt{3}^\circ": (
        [

        ],
        [
            "30",
        ],
    ),
    "0": (
        [
            "0", "0.0", r"\frac{0}{3}", "-0", "zero", r"\sin 0", r"\cos\frac{\pi}{2}",
            r"\sqrt{2}-\sqrt2", "1-1",
        ],
        [
            "O", "10^{-100}", "e^{-1000}", r"\emptyset", "", "o", "00.1",
        ],
    ),
    r"\frac{\sqrt{6}-\sqrt{2}}{4}": (
        [
            r"\sin 15^\circ", r"\cos 75^{\circ}", r"\sin\frac{\pi}{12}", r"\frac{\sqrt{2-\sqrt3}}{2}",
        ],
        [
            r"\sin 15", "0.2588190451",
        ],
    ),
}  # fmt: skip

# Right, and refused: a unit in brackets; a power of ten by a minus, which may be e minus three.
REFUSED = [("5", "5\\text{ (units)}"), ("0.001", "1e-3")]
