"""The scoring of lm-evaluation-harness 0.4.13, for the benchmarks that it generates answers to.

Prompts are bare for all models, as without its flag ``--apply_chat_template``. Of GSM8K its
``strict-match``, of MATH-500 (``minerva_math500``) its ``math_verify``. It draws the examples of
GSM8K; here they are the first ones of the file.
"""

from rlscale.evaluation.scoring import Rule, Scoring

_ENDS = ("Question:", "</s>", "<|im_end|>")
_AIME = Rule(
    verifier="lm_eval_aime",
    prompt="Question: {problem}\nAnswer:",
    instruct="bare",
    stop=(*_ENDS, "<|eot_id|>"),
)

LM_EVAL: Scoring = {
    "gsm8k": Rule(
        verifier="lm_eval_gsm8k",
        prompt="Question: {problem}\nAnswer:",
        instruct="bare",
        stop=_ENDS,
        shots=5,
    ),
    "math_500": Rule(
        verifier="math_verify",
        prompt="Problem:\n{problem}\n\nSolution:",
        instruct="bare",
        stop=("Problem:",),
        shots=4,
    ),
    "aime_2024": _AIME,
    "aime_2025": _AIME,
    "humaneval": Rule(
        verifier="lm_eval_program",
        prompt="{problem}",
        instruct="bare",
        stop=("\nclass", "\ndef", "\n#", "\nif", "\nprint"),
    ),
}
