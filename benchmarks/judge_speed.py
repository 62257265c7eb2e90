"""Judgements per second: rlscale's verifier of mathematics beside math-verify, both with limits.

    python benchmarks/judge_speed.py [--answers 10000]

The answers are made from a seed: numbers, fractions, roots, polynomials, intervals and lists in the
forms in which models write them, half of them right, all different. math-verify runs as its
documentation says, with its own time limits (signals, in this process); rlscale as training and
evaluation call it, in worker processes with limits of time and memory.
"""

import argparse
import random
import time

FORMS = (r"{}", r"\text{{{}}}", r"{}.", r"\mathbf{{{}}}", r"{}\text{{ cm}}", r"x = {}", r"\,{}\,")


def question(rng: random.Random) -> tuple[str, str]:
    """A gold answer and an answer to it, right in half of the cases."""
    a, b, c = rng.randint(2, 9999), rng.randint(2, 99), rng.randint(2, 9)
    off = rng.choice((0, 0, 0, 1, 2, 7))
    kinds = [
        (f"{a}", rng.choice(FORMS).format(a + off)),
        (rf"\frac{{{a}}}{{{b}}}", rng.choice((f"{a + off}/{b}", rf"\dfrac{{{a + off}}}{{{b}}}"))),
        (rf"{b}\sqrt{{{c}}}", rf"\sqrt{{{b * b * c + off}}}"),
        (f"{c}x^2+{b}x-{a}", f"-{a}+{b}x+{c + off}x^2"),
        (f"[{c},{a + c})", rf"{c} \le x < {a + c + off}"),
        (f"{a}, {b}, {c}", f"{c}, {b}, {a + off}"),
        (f"{a}", rf"\${a + off:,}.00"),
        (rf"\frac{{{b}\pi}}{{{c}}}", rf"{b + off}\pi/{c}"),
    ]
    return rng.choice(kinds)


def main() -> None:
    """Time both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=10_000)
    count = parser.parse_args().answers
    rng = random.Random(0)
    questions: dict[tuple[str, str], None] = {}
    while len(questions) < count:
        questions[question(rng)] = None
    golds, answers = zip(*questions, strict=True)
    responses = [rf"So the answer is \boxed{{{answer}}}." for answer in answers]

    import math_verify

    from rlscale.judging.verifiers import judge

    judge(responses[:1], golds[:1])  # starts the worker, as a training does once
    started = time.perf_counter()
    ours = [verdict.outcome == "correct" for verdict in judge(responses, golds)]
    seconds = {"rlscale": time.perf_counter() - started}
    started = time.perf_counter()
    theirs = [
        math_verify.verify(math_verify.parse(f"${gold}$"), math_verify.parse(response))
        for gold, response in zip(golds, responses, strict=True)
    ]
    seconds["math-verify"] = time.perf_counter() - started
    differ = sum(a != b for a, b in zip(ours, theirs, strict=True))
    print(f"{count} answers, {sum(ours)} right by rlscale, {differ} judged otherwise\n")
    print("| judge | seconds | answers per second |\n| --- | --- | --- |")
    for name, taken in seconds.items():
        print(f"| {name} | {taken:.1f} | {count / taken:.0f} |")


if __name__ == "__main__":
    main()
