# ruff: noqa: E501 (tables)
r"""Formatting variants of gold answers: gold -> outcome -> what stands in the box.

A response is ``The answer is \boxed{...}.`` unless it begins with ``!``: then it is taken as it is.
"""

CASES: dict[str, dict[str, list[str]]] = {
    r"\frac{1}{2}": {
        "correct": [
            r"\frac{1}{2}", r"\frac12", r"\frac 12", r"\dfrac{1}{2}", r"\tfrac{1}{2}", "1/2", "0.5",
            ".5", r"\frac{2}{4}", r" \frac{1}{2} ", r"$\frac{1}{2}$", r"\frac{1}{2}.", r"x = \frac{1}{2}",
            r"\left(\frac{1}{2}\right)", r"\frac{\sqrt{4}}{4}", r"2^{-1}", r"\frac{1}{2}\text{ cm}",
            r"!So \boxed{\frac{1}{2}}", r"!\boxed{\frac{1}{2}} is the answer, as required.",
            r"!First \boxed{3}, but after correction \boxed{\frac{1}{2}}.",
            r"!\[\boxed{\frac{1}{2}}\]", r"!$$\boxed{\frac{1}{2}}$$", r"!\boxed {\frac{1}{2}}",
            r"!\boxed{\frac{1}{2}} Please output the final answer within \boxed{}.",
            "!**Answer:** $\\boxed{\\frac{1}{2}}$\n\nI hope it is correct.",
        ],
        "wrong": [
            r"\frac{1}{3}", r"-\frac{1}{2}", "2", r"\frac{2}{1}", "0.49",
            r"!First \boxed{\frac{1}{2}}, but after correction \boxed{3}.",
            r"!\boxed{\frac{1}{2}} or \boxed{\frac{1}{4}}",
        ],
        "unparsed": [
            "", " ", "?", "!", "!The answer is 1/2", r"!The final answer is $\frac{1}{2}$.",
            r"!\boxed{\frac{1}{2}", r"!\boxed{}", r"!\fbox", "!½",
        ],
    },
    "27": {
        "correct": [
            "27", "27.0", "+27", "27.", r"27\%", "27 ", r"\text{27}", r"\mathbf{27}", r"3^3", r"\$27",
            r"27 \text{ miles}", r"27\text{ miles}", r"27\,\text{cm}^2", "27 dollars", "27 square miles", r"x=27",
            r"\frac{54}{2}", r"\sqrt{729}", "027", r"27^\circ", r"{27}",
            r"!The total is 20 + 7 = \boxed{27}.", r"!\boxed{27}\n\nWait, let me check: yes.",
        ],
        "wrong": ["28", "-27", "2.7", "72", "2 7 3", "270", r"27, 28", "27i", "27x", "27 thousand"],
        "unparsed": ["!27", "!#### 27", "!The answer is 27.", r"!boxed{27}"],
    },
    "2,125": {
        "correct": ["2,125", "2125", r"2{,}125", r"2,\!125", r"\$2,125", "2125.00", r"2,125 \text{ dollars}"],
        "wrong": ["2.125", "2", "125", "21,25,0", "2,126"],
    },
    r"10,\!080": {"correct": ["10080", "10,080", r"10,\!080", r"10{,}080"], "wrong": ["10", "80", "10.080"]},
    "-1": {
        "correct": ["-1", "-1.0", r"-\frac{2}{2}", "(-1)", r"\text{-1}", "−1"],
        "wrong": ["1", "+1", "0"],
    },
    r"90^\circ": {
        "correct": [r"90^\circ", "90", r"90^{\circ}", r"90 \text{ degrees}", r"90\degree"],
        "wrong": ["91", r"\frac{\pi}{4}"],
    },
    r"\frac{\pi}{2}": {
        "correct": [r"\frac{\pi}{2}", r"\pi/2", r"\frac{1}{2}\pi", r"0.5\pi", r"\dfrac{\pi}2"],
        "wrong": [r"\pi", r"\frac{2}{\pi}", "1.57", "90"],
    },
    r"\sqrt{2}": {
        "correct": [r"\sqrt{2}", r"\sqrt2", r"2^{1/2}", r"2^{0.5}", r"\frac{2}{\sqrt{2}}", r"\frac{\sqrt{8}}{2}"],
        "wrong": ["2", "1.4", r"\sqrt{3}", r"-\sqrt{2}", r"\sqrt[3]{2}"],
    },
    r"2\sqrt{3}+1": {
        "correct": [r"2\sqrt{3}+1", r"1+2\sqrt{3}", r"\sqrt{12}+1", r"1 + 2 \cdot \sqrt{3}"],
        "wrong": [r"2\sqrt{3}", r"2\sqrt{3}-1", r"2\sqrt{4}+1"],
    },
    r"\left( 3, \frac{\pi}{2} \right)": {
        "correct": [
            r"\left(3,\frac{\pi}{2}\right)", r"(3, \frac{\pi}{2})", r"(3,\pi/2)", r"\left( 3, \dfrac{\pi}{2} \right)",
        ],
        "wrong": [r"(\frac{\pi}{2}, 3)", r"(3, \frac{\pi}{3})", "3"],
    },
    r"(6,31,-1)": {
        "correct": ["(6,31,-1)", "(6, 31, -1)", r"\left(6, 31, -1\right)"],
        "wrong": ["(6,31,1)", "(6,-1,31)", "(6,31)"],
    },
    "3, 5, 7": {
        "correct": ["3, 5, 7", "3,5,7", "7, 5, 3", r"3, 5, \text{and } 7", r"\{3,5,7\}"],
        "wrong": ["3, 5", "3, 5, 8", "3 + 5 + 7", "357"],
    },
    r"(2,\infty)": {
        "correct": [r"(2,\infty)", r"(2, \infty)", r"\left(2,\infty\right)", r"x \in (2,\infty)"],
        "wrong": [r"[2,\infty)", r"(-\infty, 2)", r"(2, 3)", "2"],
    },
    r"(-\infty, 2) \cup (3, \infty)": {
        "correct": [r"(-\infty,2)\cup(3,\infty)", r"(3,\infty) \cup (-\infty,2)"],
        "wrong": [r"(-\infty,2]\cup[3,\infty)", r"(2,3)"],
    },
    "y = 2x + 3": {
        "correct": ["y = 2x + 3", "y=2x+3", "y = 3 + 2x", "2x + 3"],
        "wrong": ["y = 2x - 3", "y = 3x + 2", "3"],
    },
    r"p - q": {
        "correct": ["p - q", "p-q", "-q+p", r"-(q-p)"],
        "wrong": ["q - p", "p + q", "p"],
    },
    r"x^2 + 2x + 1": {
        "correct": ["x^2+2x+1", "(x+1)^2", "1+2x+x^2", r"x^{2}+2x+1"],
        "wrong": ["x^2+1", "(x-1)^2", "y^2+2y+1"],
    },
    r"\text{Evelyn}": {
        "correct": [r"\text{Evelyn}", "Evelyn", r"\text{Evelyn }", r"\textbf{Evelyn}", r"\mathrm{Evelyn}"],
        "wrong": [r"\text{Debra}", "Carla", "3"],
        "unparsed": ["!Evelyn", r"\text{}"],
    },
    r"\text{(C)}": {
        "correct": [r"\text{(C)}", "C", "(C)", r"\text{C}", r"\mathrm{(C)}"],
        "wrong": ["B", r"\text{(B)}", "D"],
    },
    r"\text{even}": {"correct": [r"\text{even}", "even"], "wrong": [r"\text{odd}", "neither"]},
    r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}": {
        "correct": [
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}",
        ],
        "wrong": [r"\begin{pmatrix} 1 & 2 \\ 3 & 5 \end{pmatrix}", r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}"],
    },
    r"50\%": {"correct": [r"50\%", "50", "50%", r"50 \%"], "wrong": ["5", r"5\%"]},
    "1.5": {"correct": ["1.5", r"\frac{3}{2}", "3/2", "1.50", r"1\frac{1}{2}"], "wrong": ["1.6", "15"]},
    r"6 - 5i": {"correct": ["6-5i", "6 - 5i", "-5i + 6"], "wrong": ["6+5i", "5-6i", "6"]},
    r"x \in [-2,7]": {"correct": [r"x \in [-2,7]", "[-2,7]", r"[-2, 7]"], "wrong": ["(-2,7)", "[-2,8]"]},
    r"1 \pm \sqrt{5}": {
        "correct": [r"1 \pm \sqrt{5}", r"1\pm\sqrt5"],
        "wrong": [r"1 + \sqrt{5}", r"1 \pm \sqrt{6}"],
    },
    "0": {"correct": ["0", "0.0", "-0", r"\frac{0}{5}"], "wrong": ["1", r"\emptyset", "O"]},
    "10^{6}": {"correct": ["10^6", "1000000", "1,000,000", r"10^{6}"], "wrong": ["10^5", "106"]},
}  # fmt: skip


def rows() -> list[tuple[str, str, str]]:
    """(gold, response, outcome) of every case."""
    return [
        (gold, case[1:] if case.startswith("!") else rf"The answer is \boxed{{{case}}}.", outcome)
        for gold, outcomes in CASES.items()
        for outcome, cases in outcomes.items()
        for case in cases
    ]
