"""The pages: every link leads somewhere, every page is in the site, generated pages are current."""

import importlib
import operator
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from rlscale.cli.main import parser
from rlscale.cli.reference import write
from rlscale.core.yaml_files import load
from rlscale.study.check import findings
from rlscale.study.schema import SCHEMA

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/site/*.md", "config/*.md", "resources/*/*.md")
    for path in ROOT.glob(pattern)
)


@cache
def tokens(page: Path) -> list:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> set[str]:
    """Names that GitHub and the site give to a page's headings."""
    parsed = tokens(page)
    titles = [parsed[i + 1].content for i, one in enumerate(parsed) if one.type == "heading_open"]
    plain = [re.sub(r"[`*\\]", "", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def links(page: Path) -> list[str]:
    inline = [child for token in tokens(page) for child in token.children or []]
    return [
        str(child.attrs.get("href", child.attrs.get("src")))
        for child in inline
        if child.type in ("link_open", "image")
    ]


def broken(page: Path) -> list[str]:
    """Links of a page to files or headings that are not there."""
    found = []
    for link in links(page):
        address, _, anchor = link.partition("#")
        if re.match(r"\w+:", address):
            continue
        target = (page.parent / address).resolve() if address else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One two\n\n[a](#one-two) [b](#three) [c](gone.md) [d](https://x.org)\n")
    assert broken(page) == ["#three", "gone.md"]


def test_the_site_lists_its_pages_by_four_kinds():
    index = ROOT / "docs/site/index.md"
    kinds = re.findall(r":caption: (.+)\n:maxdepth: 1\n((?:\S+\n)+)```", index.read_text())
    assert [kind for kind, _ in kinds] == ["Tutorial", "How to", "Reference", "Explanation"]
    listed = [line for _, lines in kinds for line in lines.split()]
    assert len(listed) == len(set(listed))
    pages = {(index.parent / f"{line}.md").resolve() for line in listed}
    assert pages <= set(PAGES) - {index}
    assert len(pages) > 0.8 * len(PAGES)


def test_every_page_is_reached_from_the_index():
    index = ROOT / "docs/README.md"
    reached = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in PAGES if page.parent == ROOT / "docs"} - reached <= {index}


def test_commands_are_those_of_the_parsers():
    makefiles = [ROOT / "Makefile", ROOT / "workflow/study.mk"]
    made = write(parser(), "\n".join(path.read_text() for path in makefiles))
    written = (ROOT / "docs/commands.md").read_text()
    assert written == made, "docs/commands.md is out of step with the parsers: run `make docs`"


def test_every_command_has_an_example_that_it_takes():
    commands = next(a for a in parser()._actions if a.dest == "command").choices
    for name, command in commands.items():
        example = command.epilog.removeprefix("example: rlscale ")
        assert command.description, name
        assert parser().parse_args(shlex.split(example, comments=True)).command == name


def fences(page: Path, language: str) -> list[str]:
    return [one.content for one in tokens(page) if one.type == "fence" and one.info == language]


def merged(base: dict, change: dict) -> dict:
    """A configuration with the keys of another in it, section by section."""
    return base | {
        key: merged(base[key], value) if isinstance(value, dict) and key in base else value
        for key, value in change.items()
    }


HOW_TO = fences(ROOT / "docs/howto.md", "yaml")


@pytest.mark.parametrize("number", range(len(HOW_TO)))
def test_configurations_of_the_how_to_page_have_no_mistake(number, tmp_path):
    """Each is added to the tutorial's study."""
    study, change = tmp_path / "study.yaml", tmp_path / "change.yaml"
    study.write_text(fences(ROOT / "docs/tutorial.md", "yaml")[0])
    change.write_text(HOW_TO[number])
    assert findings(merged(load(study), load(change)), load(SCHEMA)) == []


TABLES = (ROOT / "docs/tables.md").read_text()


def test_tables_page_names_every_column():
    from rlscale.accounting import timings
    from rlscale.answers import ranking
    from rlscale.core.tables import CURVE_COLUMNS
    from rlscale.data import clean, problems
    from rlscale.evaluation import samples

    for columns in (
        CURVE_COLUMNS, timings.COLUMNS, ranking.COLUMNS, problems.COLUMNS, clean.LOSS_COLUMNS,
        clean.HIT_COLUMNS, clean.CONFLICT_COLUMNS, samples._TYPES,
    ):  # fmt: skip
        assert [name for name in columns if f"`{name}`" not in TABLES] == []


def test_speed_is_told_on_one_page_alone():
    """Times and factors that were measured stand in docs/performance.md, with machine and date."""
    speed = re.compile(r"\b\d[\d.,]* (ms|CPU-minutes|CPU seconds|a second)\b|times as fast|took \d")
    found = {
        f"{page.name}: {line.strip()}"
        for page in PAGES
        if page.name not in ("performance.md", "CHANGELOG.md", "tutorial.md", "commands.md")
        for line in page.read_text(encoding="utf-8").splitlines()
        if speed.search(line)
    }
    assert sorted(found) == []


def test_the_walk_names_functions_that_are_there():
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    section = page.split("## One cell and one answer")[1].split("\n## ")[0]
    named = re.findall(r"`([\w/]+\.py)`:\s+`([\w.]+)`((?:,\s+`[\w.]+`)*)", section)
    assert len(named) > 30
    assert section.count(".py`") == len(named)  # each file with a function
    for file, first, others in named:
        module = importlib.import_module("rlscale." + file.removesuffix(".py").replace("/", "."))
        for name in [first, *re.findall(r"`([\w.]+)`", others)]:
            found = operator.attrgetter(name)(module)
            assert found.__module__ == module.__name__, f"{file} has {name} from elsewhere"
