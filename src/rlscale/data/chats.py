"""Chat messages: what the user asked is the problem, the system text is kept apart."""

import ast
import contextlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

_LONGEST_PYTHON = 100_000  # characters; its parser takes the square of what an f-string holds
_USER, _ASSISTANT = ("user", "human"), ("assistant", "gpt", "model")


class Chat(NamedTuple):
    """A chat of one question.

    Attributes:
        user: The user's one message; None where there is none.
        system: The system's messages, one below the other, or "".
        assistant: The assistant's last message, or None.
    """

    user: str | None
    system: str = ""
    assistant: str | None = None


def parsed(text: str, where: str) -> Any:
    """The container that a text writes, as JSON or as Python.

    Raises:
        ValueError: It writes none.
    """
    try:
        return as_written(text)
    except ValueError:
        raise ValueError(f"{where} holds a broken nested string") from None


def as_written(text: str) -> Any:
    """The value that a text writes, as JSON or, up to 100,000 characters, as Python.

    Raises:
        ValueError: It writes none.
    """
    parsers = (json.loads, ast.literal_eval) if len(text) <= _LONGEST_PYTHON else (json.loads,)
    for parse in parsers:
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return parse(text)
    raise ValueError("neither JSON nor a literal of Python's")


def read_chat(value: Any, where: str = "prompt") -> Any:
    """A list of messages, or a text that writes one, as a chat; nothing else is a chat.

    Args:
        value: What stands in the place of the messages; None is left as it is.
        where: The place, for reasons.

    Raises:
        ValueError: It is no list of messages, or holds more than one question.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = parsed(value, where)
    if not isinstance(value, list):
        raise ValueError(f"{where} is no list of messages")
    said: dict[str, list[str]] = {}
    for message in value:
        if not isinstance(message, Mapping):
            raise ValueError(f"a message of {where} is no mapping")
        role = message.get("role", message.get("from", "user"))
        text = _text(message.get("content", message.get("value")))
        if text is not None:
            said.setdefault(str(role).casefold(), []).append(text)
    return _one_question(said, where)


def text_or_chat(value: Any) -> Any:
    """A text as it is; a list of messages, or a text that writes one, as a chat."""
    if isinstance(value, str) and not value.lstrip().startswith(("[{", "{")):
        return value
    return read_chat(value)


def _one_question(said: Mapping[str, list[str]], where: str) -> Chat:
    asked = [text for role in _USER for text in said.get(role, [])]
    answered = [text for role in _ASSISTANT for text in said.get(role, [])]
    if len(asked) > 1:
        raise ValueError(f"{where} has several user messages; a problem is one")
    user = asked[0] if asked else None
    if user is not None and user.startswith(("[{'", '[{"')):
        return read_chat(user, where)  # GURU's code problems are wrapped twice
    system = "\n".join(said.get("system", []) + said.get("developer", []))
    return Chat(user, system, answered[-1] if answered else None)


def _text(content: Any) -> str | None:
    """The text of a message, whose parts may stand in a list."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) < len(parts):
            raise ValueError("a message holds more than text")
        return "".join(texts)
    if content is not None and not isinstance(content, str):
        raise ValueError("a message is no text")
    return content
