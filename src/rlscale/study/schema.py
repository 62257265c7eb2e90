"""A configuration against its schema: every mistake as one sentence with its key and the remedy."""

import copy
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parents[3] / "workflow/schemas/config.schema.yaml"
_LETTERS = "is not made of letters and digits, between which {} may stand"
_FORMS = {
    "^[0-9a-f]{40}\\Z": "is not a commit of 40 hexadecimal digits; the name of a branch would move",
    "^[A-Za-z0-9][A-Za-z0-9_.-]*\\Z": _LETTERS.format(". _ -"),
    "^[A-Za-z0-9][A-Za-z0-9._-]*\\Z": _LETTERS.format(". _ -"),
    "^[A-Za-z0-9][A-Za-z0-9_]*\\Z": _LETTERS.format("_"),
    "^[a-z0-9][a-z0-9_-]*\\Z": _LETTERS.format("_ -").replace("letters", "small letters"),
    "\\{problem\\}": "does not hold {problem}, which stands for the problem's text",
}
_KINDS = {
    "integer": "a whole number", "number": "a number", "string": "a text", "array": "a list",
    "object": "a section of keys", "boolean": "true or false",
}  # fmt: skip


def schema_findings(config: Any, schema: Mapping[str, Any]) -> list[str]:
    """What the schema refuses in a configuration, in the order of its keys.

    Args:
        config: The configuration as read.
        schema: The configuration's schema.

    Returns:
        A sentence for each mistake: ``key.path: what is wrong; what to do``.
    """
    from jsonschema import Draft202012Validator

    if not isinstance(config, dict) or not config:
        return ["the configuration is empty, or not a file of keys and values"]
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda e: str(e.path))
    return list(dict.fromkeys(said for error in errors for said in _sentences(error, schema)))


def with_defaults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the schema's defaults filled in, as Snakemake's ``validate`` does."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    valid = Draft202012Validator.VALIDATORS["properties"]

    def filling(validator: Any, properties: Any, instance: Any, parent: Any) -> Iterator[Any]:
        if isinstance(instance, dict):
            for key, part in properties.items():
                if "default" in part:
                    instance.setdefault(key, copy.deepcopy(part["default"]))
        yield from valid(validator, properties, instance, parent)

    filled = copy.deepcopy(dict(config))
    for _ in extend(Draft202012Validator, {"properties": filling})(schema).iter_errors(filled):
        pass
    return filled


def near(name: str, known: Any) -> str:
    """``; did you mean ...?`` with near matches, or all names where none is near."""
    names = [str(one) for one in known]
    close = difflib.get_close_matches(name, names, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known: {', '.join(names)}"


def _sentences(error: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    from jsonschema.exceptions import best_match

    where = ".".join(map(str, error.absolute_path))
    at = f"{where}: " if where else ""
    kind, value, wanted = error.validator, error.instance, error.validator_value
    if kind == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in value:
            if key not in known:
                yield f"{f'{where}.' if where else ''}{key}: unknown key{near(str(key), known)}"
    elif kind == "required":
        section = error.schema if where else schema
        closed, known = section.get("additionalProperties") is False, section.get("properties", {})
        for key in (key for key in wanted if key not in value):
            close = difflib.get_close_matches(key, [str(own) for own in value if own not in known])
            # An open section takes a misspelt key for one of its own; of a closed one it is said.
            if not (close and closed):
                said = f"; '{close[0]}' stands there" if close else ""
                yield f"{at}the key '{key}' is missing{said}"
    elif kind == "dependentRequired":
        lacking = {key: need for key, need in wanted.items() if key in value}
        key, need = next((k, n) for k, ns in lacking.items() for n in ns if n not in value)
        yield f"{at}'{key}' needs the key '{need}' beside it"
    elif kind == "type":
        kinds = wanted if isinstance(wanted, list) else [wanted]
        hint = _number_hint(value, kinds)
        yield f"{at}{value!r} is not {' or '.join(_KINDS[one] for one in kinds)}{hint}"
    elif kind == "uniqueItems":
        twice = next(one for one in value if value.count(one) > 1)
        yield f"{at}{twice!r} is listed twice"
    elif kind == "enum":
        yield f"{at}{value!r} is none of the allowed values{near(str(value), wanted)}"
    elif kind == "oneOf" and all(set(one) == {"required"} for one in wanted):
        choices = [one["required"][0] for one in wanted]
        given = [one for one in choices if one in value]
        said = f"not both of {' and '.join(given)}" if given else "none of them is there"
        yield f"{at}exactly one of {', '.join(choices)} is needed; {said}"
    elif kind == "pattern" and wanted in _FORMS:
        yield f"{at}{value!r} {_FORMS[wanted]}"
    elif error.context and (nearest := best_match([error])) is not error:
        yield from _sentences(nearest, schema)
    else:
        meaning = error.schema.get("description", "")
        yield f"{at}{error.message.splitlines()[0]}{f' ({meaning})' if meaning else ''}"


def _number_hint(value: Any, kinds: list[str]) -> str:
    if not isinstance(value, str) or not {"number", "integer"} & set(kinds):
        return ""
    try:
        float(value)
    except ValueError:
        return ""
    return "; write it without quotes, and 1.0e-4 for 1e-4, which YAML reads as text"
