"""Our judge beside math-verify's defaults and TRL's reward; golds in dollars, as both want them."""

from rlscale.judging.verifiers import judge


def wrong_and_refused(cases: list[dict]) -> dict[str, tuple[int, int]]:
    """Wrong ones accepted and right ones refused, by judge; cases: gold, response, correct."""
    import math_verify
    from trl.rewards import accuracy_reward

    texts, golds = [c["response"] for c in cases], [c["gold"] for c in cases]
    said = {"ours": [v.outcome == "correct" for v in judge(texts, golds, workers=2)]}
    said["math-verify"] = [
        bool(math_verify.verify(math_verify.parse(f"${gold}$"), math_verify.parse(text)))
        for gold, text in zip(golds, texts, strict=True)
    ]
    wrapped = [[{"content": text}] for text in texts]
    rewards = accuracy_reward(wrapped, [f"${gold}$" for gold in golds])
    said["TRL"] = [bool(reward) for reward in rewards]
    table = {
        name: (
            sum(right and not case["correct"] for right, case in zip(given, cases, strict=True)),
            sum(case["correct"] and not right for right, case in zip(given, cases, strict=True)),
        )
        for name, given in said.items()
    }
    print("wrong accepted, right refused of", len(cases), table)
    return table
