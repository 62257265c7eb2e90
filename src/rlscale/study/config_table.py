"""config/README.md: the table of configuration keys, written from the schema that checks them.

``python -m rlscale.study.config_table workflow/schemas config/README.md``: the folder holds
config.schema.yaml and examples.yaml.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rlscale.core.digests import canonical_json
from rlscale.core.errors import sentence_not_traceback
from rlscale.core.files import write_text

_INTRODUCTION = """\
# Configuration

<!-- Written by `make docs` from workflow/schemas/config.schema.yaml; edit that instead. -->

One file is one study, complete in itself: `config.yaml` is the embedded study on a CPU (the
default), `paper.yaml` the paper's grid; another one is named with `snakemake --configfile FILE`.
The schema refuses keys that it does not know and fills in the defaults below. `<name>` stands for
a name of your choice, `[]` for each entry of a list; a dash in the default column means that the
key has to be given or is left out as a whole. An example is a value of the key's own, as YAML on
one line; a key without one holds the keys below it.
"""


class Key(NamedTuple):
    """One configuration key as the table shows it."""

    path: str
    type: str
    default: str
    unit: str
    example: str
    description: str


def write(schema: Mapping[str, Any], examples: Mapping[str, Any]) -> str:
    """Write the whole of config/README.md: a section and a table for each top-level key."""
    parts = [_INTRODUCTION]
    for name, section in schema["properties"].items():
        section = _resolve(section, schema)
        parts.append(f"\n## `{name}`\n\n{_sentence(section)}\n")
        if "properties" not in section and "additionalProperties" not in section:
            parts.append(f"\nExample: `{_shown(example_of(name, section, examples))}`\n")
        rows = list(keys(section, name, schema, examples))
        if rows:
            parts.append(
                "\n| Key | Type | Default | Unit | Example | Meaning |\n"
                "| --- | --- | --- | --- | --- | --- |"
            )
            parts += [f"\n| `{row.path}` | " + " | ".join(row[1:]) + " |" for row in rows]
            parts.append("\n")
    return "".join(parts)


def keys(
    section: Mapping[str, Any], path: str, schema: Mapping[str, Any], examples: Mapping[str, Any]
) -> Iterator[Key]:
    """List the keys below one part of the schema, depth first, in the schema's order."""
    for name, part in parts_of(section, path, schema):
        default = f"`{canonical_json(part['default'])}`" if "default" in part else "-"
        example = example_of(name, part, examples)
        shown = "" if example is None else f"`{_shown(example)}`"
        yield Key(name, _type(part), default, part.get("unit", ""), shown, _sentence(part))


def example_of(path: str, part: Mapping[str, Any], examples: Mapping[str, Any]) -> Any:
    """A value of a key: the examples' longest name that ends its path, else what the schema says.

    None where it holds keys of its own, or nothing says one.
    """
    steps = path.split(".")
    for i in range(len(steps)):
        if (name := ".".join(steps[i:])) in examples:
            return examples[name]
    if part.get("default") not in (None, "", [], {}):
        return part["default"]
    if "enum" in part:
        return part["enum"][-1]
    if "const" in part:
        return part["const"]
    return True if part.get("type") == "boolean" else None


def _shown(example: Any) -> str:
    """A value as YAML on one line."""
    import yaml

    flow = yaml.safe_dump(example, default_flow_style=True, width=10_000, sort_keys=False)
    return flow.removesuffix("\n...\n").strip().replace("|", "\\|")


def parts_of(
    section: Mapping[str, Any], path: str, schema: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The keys below one part of the schema with what it says of each, depth first."""
    children = {f"{path}.{name}": child for name, child in section.get("properties", {}).items()}
    for pattern in section.get("patternProperties", {}).values():
        children[f"{path}.<name>"] = pattern
    if isinstance(section.get("additionalProperties"), Mapping):
        children[f"{path}.<name>"] = section["additionalProperties"]
    if isinstance(section.get("items"), Mapping):
        yield from parts_of(_resolve(section["items"], schema), f"{path}[]", schema)
    for name, child in children.items():
        child = _resolve(child, schema)
        yield name, child
        yield from parts_of(child, name, schema)
    for branch in section.get("oneOf", section.get("anyOf", ())):
        yield from parts_of(_resolve(branch, schema), path, schema)


def _resolve(part: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a local ``$ref``; keys beside it win over those of its target."""
    if "$ref" not in part:
        return dict(part)
    target: Any = schema
    for step in part["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**_resolve(target, schema), **{k: v for k, v in part.items() if k != "$ref"}}


def _type(part: Mapping[str, Any]) -> str:
    """Type and bounds in words: ``integer, 1 to 64``, ``"base" or "instruct"``."""
    if "const" in part:
        return f"`{canonical_json(part['const'])}`"
    if "enum" in part:
        return ", ".join(f"`{canonical_json(value)}`" for value in part["enum"])
    if "type" not in part:
        branches = part.get("oneOf", part.get("anyOf", ()))
        return " or ".join(dict.fromkeys(_type(branch) for branch in branches)) or "any"
    types: list[str] = part["type"] if isinstance(part["type"], list) else [part["type"]]
    words = [" or ".join({"null": "nothing", "array": "list"}.get(name, name) for name in types)]
    if isinstance(part.get("items"), Mapping) and "type" in part["items"]:
        words[0] += f" of {_type(part['items'])}"
    bounds = [
        f"{sign} {part[name]}"
        for name, sign in (
            ("minimum", ">="),
            ("exclusiveMinimum", ">"),
            ("maximum", "<="),
            ("exclusiveMaximum", "<"),
        )
        if name in part
    ]
    if part.get("minItems"):
        bounds.append(f"at least {part['minItems']}")
    return ", ".join(words + bounds)


def _sentence(part: Mapping[str, Any]) -> str:
    return " ".join(part.get("description", "").split()).replace("|", "\\|")


@sentence_not_traceback
def main() -> None:
    """Read the schema and write the table."""
    import yaml

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schemas", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    schema, examples = (
        yaml.safe_load((arguments.schemas / name).read_text(encoding="utf-8"))
        for name in ("config.schema.yaml", "examples.yaml")
    )
    write_text(arguments.output, write(schema, examples))


if __name__ == "__main__":
    main()
