"""config/README.md says what the schema says."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from rlscale.study import config_table

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
EXAMPLES = yaml.safe_load((SCHEMA.parent / "examples.yaml").read_text())

TOY = yaml.safe_load("""
properties:
  study: {type: string, description: Name of the study.}
  recipes:
    type: object
    description: Named sets of settings.
    additionalProperties:
      type: object
      description: One recipe.
      properties:
        steps: {type: integer, minimum: 1, default: 60, unit: steps, description: How long.}
        rate: {$ref: "#/$defs/rate", default: 0.1}
        loss: {enum: [dapo, grpo], description: "Which | aggregation."}
  sweeps:
    type: array
    description: Grids.
    items:
      type: object
      properties:
        seed: {type: array, minItems: 1, items: {type: integer}, description: Seeds.}
$defs:
  rate: {type: number, exclusiveMinimum: 0, maximum: 1, description: A rate.}
""")


@pytest.mark.parametrize(
    "line",
    [
        "## `study`\n\nName of the study.\n",
        "| `recipes.<name>` | object | - |  |  | One recipe. |",
        "| `recipes.<name>.steps` | integer, >= 1 | `60` | steps | `7` | How long. |",
        "| `recipes.<name>.rate` | number, > 0, <= 1 | `0.1` |  | `0.1` | A rate. |",
        '| `recipes.<name>.loss` | `"dapo"`, `"grpo"` | - |  | `grpo` | Which \\| aggregation. |',
        "| `sweeps[].seed` | list of integer, at least 1 | - |  | `[1, 2]` | Seeds. |",
    ],
)
def test_key_is_shown_with_type_bounds_default_and_unit(line):
    examples = {"recipes.<name>.steps": 7, "steps": 8, "seed": [1, 2]}
    assert line in config_table.write(TOY, examples)


def test_readme_is_in_step_with_the_schema():
    written = (ROOT / "config" / "README.md").read_text()
    made = config_table.write(yaml.safe_load(SCHEMA.read_text()), EXAMPLES)
    assert written == made, "config/README.md is out of step with the schema: run `make docs`"


# Open on purpose: other projects' names, or columns, which are checked where they are used.
OPEN = {
    ".properties.recipes.additionalProperties.properties.grpo",
    ".properties.training.properties.overrides.items.properties.set",
    ".properties.ingest.properties.files.additionalProperties",
    ".properties.ingest.properties.constants",
    ".properties.ingest.properties.benchmarks.additionalProperties",
    ".properties.ingest.properties.runs.additionalProperties",
}


def _undescribed(part, path=""):
    for name, child in part.get("properties", {}).items():
        if "description" not in child and "$ref" not in child:
            yield f"{path}.{name}"
    for name, child in part.items():
        if isinstance(child, dict):
            yield from _undescribed(child, f"{path}.{name}")


def _open_objects(part, path=""):
    if part.get("type") == "object" and "additionalProperties" not in part:
        yield path
    for name, child in part.items():
        if isinstance(child, dict):
            yield from _open_objects(child, f"{path}.{name}")


def test_every_key_is_described_and_only_these_objects_are_open():
    schema = yaml.safe_load(SCHEMA.read_text())
    assert list(_undescribed(schema)) == []
    assert set(_open_objects(schema)) == OPEN


def _keys():
    schema = yaml.safe_load(SCHEMA.read_text())
    for name, section in schema["properties"].items():
        yield name, section, schema
        for path, part in config_table.parts_of(section, name, schema):
            yield path, part, schema


def test_every_key_has_an_example_that_the_schema_takes():
    lacking, refused = [], []
    for path, part, schema in _keys():
        example = config_table.example_of(path, part, EXAMPLES)
        holds_keys = "properties" in part or "additionalProperties" in part or "$ref" in part
        if example is None and not holds_keys:
            lacking.append(path)
        elif example is not None:
            found = Draft202012Validator({"$defs": schema["$defs"], **part}).iter_errors(example)
            refused += [f"{path}: {error.message}" for error in found]
    assert (lacking, refused) == ([], [])


def test_every_example_is_shown_at_a_key():
    paths = [f".{path}" for path, _, _ in _keys()]
    assert [n for n in EXAMPLES if not any(path.endswith(f".{n}") for path in paths)] == []
