"""From a problem's text to the prompt that a model reads, the same in training and evaluation."""

from typing import TYPE_CHECKING, Literal

from rlscale.core.errors import StudyError
from rlscale.core.limits import memory_limit, time_limit

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LONGEST_TEMPLATE = 200_000  # characters that a chat template may add to a message
_SECONDS = 10.0  # of CPU time, and
_MEMORY = 1 << 30  # bytes, that a chat template may take for a message

Form = Literal["bare", "chat"]


FORMS: dict[str, Form] = {"base": "bare", "instruct": "chat"}


def render(tokenizer: "PreTrainedTokenizerBase", problem: str, variant: str, template: str) -> str:
    """Render one prompt of training, or of an evaluation by this project's own rule.

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
    return in_form(tokenizer, template.replace("{problem}", problem), FORMS[variant])


def in_form(tokenizer: "PreTrainedTokenizerBase", text: str, form: Form) -> str:
    """A prompt's text as the model reads it.

    Args:
        tokenizer: The model's.
        text: Problem and instructions.
        form: ``bare``, or ``chat``: as a user's message in the tokenizer's chat template.

    Raises:
        StudyError: A tokenizer without a chat template, or with one that fails, or takes more time
            or memory or makes a longer text of a message than any model is asked with.
    """
    if form == "bare":
        return text
    if not tokenizer.chat_template:
        raise StudyError(
            f"{tokenizer.name_or_path}: the tokenizer has no chat template, in which instruct "
            "models, and with scoring: paper all models, are asked; use the base variant, a folder "
            "whose tokenizer has one, or scoring: ours"
        )
    message = [{"role": "user", "content": text}]
    asked = len(text)
    try:
        with time_limit(_SECONDS), memory_limit(_MEMORY):
            text = tokenizer.apply_chat_template(
                message, tokenize=False, add_generation_prompt=True
            )
    except Exception as error:  # Jinja's, and whatever an expression of the template raises
        raise StudyError(
            f"{tokenizer.name_or_path}: the chat template fails on a message of {asked} characters "
            f"({type(error).__name__}: {error}); take the template that the model came with"
        ) from None
    if len(text) > 4 * asked + _LONGEST_TEMPLATE:
        raise StudyError(
            f"{tokenizer.name_or_path}: the chat template makes {len(text)} characters of a "
            f"message of {asked}; no model is asked so. Take the template that the model came with"
        )
    start = tokenizer.bos_token
    if start and text.startswith(start) and tokenizer("").input_ids[:1] == [tokenizer.bos_token_id]:
        text = text.removeprefix(start)
    return text
