"""Hostile text in all that names something: refused in a sentence, or text where it is shown.

The workflow's own part (what a configuration's names could do in a shell) is here too: a rule's
command holds only wildcards, and a wildcard only what the schema lets pass.
"""

import base64
import copy
import functools
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
import yaml
from jsonschema import Draft202012Validator

from conftest import ROOT, embedded_config
from rlscale.answers.fit_table import _latex
from rlscale.core.errors import StudyError
from rlscale.core.labels import LABEL, check_label
from rlscale.core.tables import LABEL_COLUMNS, check_curves
from rlscale.report.explore import explore_page
from rlscale.report.figures.draw import escape
from rlscale.study.schema import SCHEMA, schema_findings

HOSTILE = {
    "substitution": "held$(touch RAN)",
    "backticks": "x`touch RAN`",
    "separator": "x; touch RAN",
    "pipe": "x | sh",
    "line": "x\ntouch RAN",
    "line at the end": "main\n",
    "restructured": 'x\n\n.. raw:: html\n\n   <img src=q onerror="document.title=1337" >\n\nx',
    "include": "x\n\n.. include:: /etc/hostname\n\nx",
    "script": "<!--<script>",
    "closing": "</script><script>alert(1)</script>",
    "mathtext": "$\\bad{$",
    "formula": '=HYPERLINK("http://x","y")',
    "formula of a plus": "+1+cmd|' /C calc'!A0",
    "option": "--output=/tmp/x",
    "up": "../../etc/passwd",
    "nul": "x\0y",
    "escape": "x\x1b]0;title\x07",
    "entity": "&lt;b&gt;",
    "long": "x" * 100_000,
}
GOOD = ["qwen2.5-7b", "GSM8K test", "val-core/openai/gsm8k/acc/mean@1", "modèle (é), 50%", "acc[0]"]
# Text that is no name: it is put into prompts, read as an expression, or compared with a value.
FREE = {
    "pretraining.careless.mark", "fine_tuning.careless.mark",
    "fit.select.recipe", "recipes.main.prompt.template",
    "data.arithmetic.held_out.problems",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_text_is_no_label(text):
    with pytest.raises(StudyError, match=r"curves\.csv, row 3: .* is no name") as refused:
        check_label(text, "curves.csv, row 3")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


def test_every_sign_of_a_name_is_itself_in_a_latex_table():
    signs = [sign for sign in map(chr, range(32, 127)) if re.match(LABEL, f"a{sign}")]
    row = ("".join(["a", *signs]), *[""] * 8)
    body = _latex([row]).splitlines()[3]
    assert body.startswith("a")
    assert not re.search(r"(?<!\\)[%$#_~^{}]", body)
    assert len(re.findall("(?<!\\\\)&", body)) == len(row) - 1


@pytest.mark.parametrize("text", GOOD)
def test_names_as_people_give_them_are_labels(text):
    check_label(text, "curves.csv")


def test_the_schema_has_the_same_pattern():
    assert yaml.safe_load(SCHEMA.read_text())["x-names"]["label"] == LABEL


def strings(part: object, path: tuple = ()) -> Iterator[tuple]:
    """Paths of all strings in a configuration, keys of the user's own choice included."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from strings(value, (*path, key))
    elif isinstance(part, list):
        for place, value in enumerate(part):
            yield from strings(value, (*path, place))
    elif isinstance(part, str):
        yield path


def full_config() -> dict:
    """The embedded study with every kind of name that another study may have."""
    config = embedded_config()
    config["compare"] = {"other": "../other/results"}
    config["figures"]["published"] = "resources/published/table6.csv"
    config["fit"] |= {"benchmark": "held_out", "allow_differences": ["grpo.beta"]}
    config["forecast"] |= {"laws": ["power"], "metric": "loss"}
    config["models"]["m"] = {"family": "f", "base": {"hub": "a/b", "revision": "a" * 40}}
    config["models"]["n"] = {"family": "f", "base": {"folder": "models/n"}}
    config["data"]["d"] = {
        "verifier": "math",
        "read": {"layout": "plain", "files": ["raw/*.jsonl"]},
        "held_out": {"read": {"layout": "plain", "hub": {
            "name": "a/b", "revision": "a" * 40, "split": "test", "configuration": "main"}}},
    }  # fmt: skip
    return config


PATHS = sorted(strings(full_config()), key=str)


@functools.cache
def schema() -> dict:
    return yaml.safe_load(SCHEMA.read_text())


def put(config: dict, path: tuple, text: str) -> dict:
    changed = copy.deepcopy(config)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = text
    return changed


@pytest.mark.parametrize("path", PATHS, ids=[".".join(map(str, path)) for path in PATHS])
def test_no_string_of_a_configuration_takes_a_hostile_text(path):
    if ".".join(map(str, path)) in FREE or "grpo" in path:  # TRL's own settings, which TRL checks
        return
    config = full_config()
    assert schema_findings(config, schema()) == []
    a_path = path[-1] in ("published", "folder", "path") or path[0] == "compare" or "files" in path
    bad = ("line", "line at the end", "restructured", "nul", "escape", "option")
    for name in bad if a_path else HOSTILE:
        if name == "long":
            continue  # a name is cut by the file system, and refused there
        found = schema_findings(put(config, path, HOSTILE[name]), schema())
        assert found, f"{'.'.join(map(str, path))} takes {HOSTILE[name]!r}"
        assert all(line.isprintable() for line in found), found


SECTIONS = ["data", "models", "recipes", "benchmarks", "compare"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
@pytest.mark.parametrize("section", SECTIONS)
def test_no_key_that_names_something_takes_a_hostile_text(section, text):
    if text == HOSTILE["long"]:
        return
    config = full_config()
    config[section][text] = copy.deepcopy(next(iter(config[section].values())))
    assert not Draft202012Validator(schema()).is_valid(config)


def curves(**changed: str) -> pandas.DataFrame:
    row = {
        "study": "s", "cell": "c", "model": "m", "variant": "base", "step": 1, "benchmark": "b",
        "loss": 0.5, "family": "f", "recipe": "main",
    }  # fmt: skip
    return pandas.DataFrame([row, {**row, "step": 2, **changed}])


@pytest.mark.parametrize("column", sorted(LABEL_COLUMNS))
@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_no_column_of_a_curves_table_takes_a_hostile_text(column, text):
    with pytest.raises(StudyError, match=rf"t\.csv: column {column}, row 3: .* is no name"):
        check_curves(curves(**{column: text}), "t.csv")


@pytest.mark.parametrize("text", GOOD)
def test_a_curves_table_takes_names_as_people_give_them(text):
    check_curves(curves(model=text, family=text, benchmark=text), "t.csv")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_caption_is_one_paragraph_of_text(text):
    from docutils.core import publish_string

    settings = {"file_insertion_enabled": True, "raw_enabled": True, "report_level": 5}
    page = publish_string(
        f"before\n\n{escape(text)}\n\nafter", writer="html5", settings_overrides=settings
    ).decode()
    body = page.partition("<body")[2]
    assert "<img" not in body
    assert "<script" not in body
    assert "onerror=&quot;" in body or 'onerror="' not in body
    hostname = Path("/etc/hostname")
    if text == HOSTILE["include"] and hostname.exists() and hostname.read_text().strip():
        assert f"\n{hostname.read_text().strip()}\n" not in body


@pytest.mark.parametrize("text", [*HOSTILE.values(), "__VEGA__", "__DATA__"])
def test_the_explorers_data_stay_within_their_script(text):
    table = check_curves(curves(), "t.csv")
    table["model"] = text
    page = explore_page("<script>__DATA__</script>", "s", table, {}, "n_params")
    packed = page.removeprefix("<script>").removesuffix("</script>")
    assert "<" not in packed
    data = zlib.decompress(base64.b64decode(packed))
    assert json.loads(data)["curves"]["cells"][0]["model"] == text


def test_names_in_shell_lines_are_quoted_or_of_harmless_characters():
    """What may stand unquoted: wildcards whose names the schema and the rules' patterns bound."""
    bounded = {"cell", "model", "variant", "set", "recipe", "tau", "corpus", "protocol", "x"}
    bounded |= {"benchmark"}  # a key of the configuration: letters, digits and underscores
    harmless = {"params.figure"}  # the registry's own names
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for line in re.findall(r'^ *"(?:rlscale|cp) .*"$|^ *" \{.*"$', file.read_text(), re.M):
            for name, form in re.findall(r"\{([\w.]+)(:q)?\}", line):
                kind, _, own = name.partition(".")
                if form or kind in ("log", "input", "output") or name in harmless:
                    continue
                assert own in bounded, f"{file.name}: {line.strip()}: quote {name} (:q)"
