"""From a problem's text to the prompt that a model reads, the same in training and evaluation."""

from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def render(tokenizer: "PreTrainedTokenizerBase", problem: str, variant: str, template: str) -> str:
    """Render one prompt.

    Args:
        tokenizer: The model's; its chat template is used for ``instruct``.
        problem: The bare question.
        variant: ``base`` reads the template's text; ``instruct`` reads it as a user's message.
        template: Text in which ``{problem}`` stands for the question.

    Returns:
        The prompt, without the start token where the tokenizer adds it by itself.

    Raises:
        StudyError: An instruct model whose tokenizer has no chat template.
    """
    text = template.replace("{problem}", problem)
    if variant == "base":
        return text
    if not tokenizer.chat_template:
        raise StudyError(
            f"{tokenizer.name_or_path}: the tokenizer of this instruct model has no chat "
            "template; use the base variant or a folder whose tokenizer has one"
        )
    message = [{"role": "user", "content": text}]
    text = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    start = tokenizer.bos_token
    if start and text.startswith(start) and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]:
        text = text.removeprefix(start)
    return text
