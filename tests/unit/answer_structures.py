# ruff: noqa: E501 (tables)
r"""Answers of several parts: gold -> what is right, and what is not.

Each list shows a kind: lists, sets, intervals, tuples, matrices, equations.
"""

STRUCTURES: dict[str, tuple[list[str], list[str]]] = {
    r"(-\infty, 3]": (
        [
            r"x \le 3", r"x\leq 3", r"(-\infty,3]", r"3 \ge x", r"\{x : x \le 3\}",
            r"\{x \mid x \leq 3\}", r"x \in (-\infty, 3]", "(-∞, 3]",
        ],
        [
            "x<3", r"(-\infty,3)", "x>=3", "3", r"[3,\infty)",
        ],
    ),
    "x^2+y^2=25": (
        [
            "y^2+x^2=25", "x^2+y^2-25=0", "25 = x^2+y^2", "2x^2+2y^2=50",
        ],
        [
            "25", "x^2+y^2=5", "x^2-y^2=25", "x^2+y^2", "x+y=5",
        ],
    ),
    r"\{-2, 2\}": (
        [
            "2, -2", r"\pm 2", r"x=\pm 2", r"x = 2 \text{ or } x=-2", "x=2, x=-2",
            r"x \in \{2,-2\}",
        ],
        [
            "2", "(-2,2)", "[-2,2]", "-2", r"\{2\}", r"\{2,-2,0\}",
        ],
    ),
    "x=3": (
        [
            "3", "x=3", "3=x", "x = 3.0",
        ],
        [
            "y=3", "x=4", "3x", "x>3", "x=3,4",
        ],
    ),
    r"\frac{\pi}{6}+2k\pi": (
        [
            r"2\pi k+\frac{\pi}{6}", r"\frac{\pi+12k\pi}{6}", r"\frac{\pi}{6}+2k\pi, k \in \mathbb{Z}",
            r"\frac{\pi}{6}+2k\pi \text{ where } k \in \mathbb{Z}", r"x=\frac{\pi}{6}+2k\pi",
        ],
        [
            r"\frac{\pi}{6}", r"\frac{\pi}{6}+k\pi", r"\frac{\pi}{6}+2n\pi",
        ],
    ),
    r"\begin{bmatrix}1&2\\3&4\end{bmatrix}": (
        [
            r"\begin{pmatrix}1 & 2 \\ 3 & 4\end{pmatrix}", r"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]",
            r"A=\begin{bmatrix}1&2\\3&4\end{bmatrix}",
        ],
        [
            r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", r"\begin{bmatrix}1&3\\2&4\end{bmatrix}",
            "1,2,3,4", "-2",
        ],
    ),
    "(1,2)": (
        [
            "(1, 2)", r"\left(1,2\right)", "x=1,y=2", "(x,y)=(1,2)", r"\langle 1,2\rangle",
            r"\begin{pmatrix}1\\2\end{pmatrix}",
        ],
        [
            "(2,1)", "[1,2]", r"\{1,2\}", "1,2", "(1,2,0)", "12", "1.2", "[1,2)",
        ],
    ),
    "y = 2x+1": (
        [
            "y=2x+1", "2x+1", "y - 1 = 2x", "f(x)=2x+1", "y=1+2x",
        ],
        [
            "y=2x-1", "x=2y+1", "1", "y = 2x", "2x-y=1",
        ],
    ),
    r"390625 \\text{ and } 141376": (
        [
            "141376, 390625", r"390625 \text{ and } 141376",
        ],
        [
            "390625", "141376 + 390625",
        ],
    ),
    "(12, 345)": (
        [
            "(12,345)", "( 12 , 345 )",
        ],
        [
            "12345", "(345,12)", "(12345)",
        ],
    ),
    "1,234": (
        [
            "1234", "1{,}234", "1 234",
        ],
        [
            "1, 234", "234", "1.234",
        ],
    ),
    r"\frac{1}{2}, \frac{1}{3}": (
        [
            r"\frac13,\frac12", r"\left\{\frac12,\frac13\right\}", r"\frac12 \text{ and } \frac13",
        ],
        [
            r"\frac12", r"\left(\frac12,\frac13\right)",
        ],
    ),
    r"(-\infty,0)\cup(0,\infty)": (
        [
            r"x\neq 0", r"\mathbb{R}\setminus\{0\}", r"x<0 \text{ or } x>0", r"(-\infty, 0) \cup (0, +\infty)",
        ],
        [
            r"\mathbb{R}", "x>0", "x=0",
        ],
    ),
}  # fmt: skip
