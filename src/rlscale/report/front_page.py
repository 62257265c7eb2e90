"""The report's front page: from the question to the answers, by the claims' numbers, as rst.

Everything on it is computed: the checks first, then a verdict per claim, then every figure with
what it shows and what this study says.
"""

import base64
import platform
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlscale.core.digests import package_versions
from rlscale.core.files import read_json
from rlscale.report.figures.draw import VERDICTS, escape
from rlscale.report.figures.registry import CLAIMS, Figure, all_figures

_QUESTION = """\
How much does a language model learn from reinforcement learning, per FLOP and per problem, and how
does that depend on its size? The law under test (arXiv 2509.25300) says that the test loss L falls
as a power of compute or data X, log L = E(N) - k(N) log X, with a learning efficiency
k(N) = K_max / (1 + N0 / N) that saturates in the model size N.
"""
_MARKS = {"passed": "✓ passed", "failed": "✗ FAILED", "listed": "listed"}


def front_page(
    study: str, checks: Sequence[Mapping[str, str]], folder: Path, captions: Path, static: Path
) -> str:
    """Write the page.

    Args:
        study: Name of the study.
        checks: results/checks.json.
        folder: Where the figures are.
        captions: Where their findings (json) are.
        static: Where the fixed captions (rst) are.

    Returns:
        reStructuredText with the pictures inside.
    """
    figures = list(all_figures().values())
    findings = {figure.name: read_json(captions / f"{figure.name}.json") for figure in figures}
    parts = [_title(f"Study “{study}”: scaling of RL post-training", "="), escape(_QUESTION)]
    parts += [_title("Result checks", "-"), _check_lines(checks)]
    parts += [_title("Answers", "-"), _answers(figures, findings)]
    for claim, sentence in CLAIMS.items():
        parts.append(_title(f"{claim}. {sentence}" if claim != "Study" else sentence, "-"))
        for figure in figures:
            if figure.claim == claim:
                parts.append(_figure(figure, findings[figure.name], folder, static))
    parts += [_title("Environment", "-"), _environment()]
    return "\n\n".join(parts) + "\n"


def _title(text: str, line: str) -> str:
    return f"{escape(text)}\n{line * (len(escape(text)) + 2)}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (heads, *rows):
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines)


def _check_lines(checks: Sequence[Mapping[str, str]]) -> str:
    failed = sum(check["status"] == "failed" for check in checks)
    head = f"**{failed} checks failed.**" if failed else "**No check failed.**"
    rows = [
        (
            escape(check["check"]),
            _MARKS.get(check["status"], check["status"]),
            escape(check["detail"]),
        )
        for check in checks
    ]
    return f"{head}\n\n" + _table(("must hold", "status", "found"), rows)


def _answers(figures: Sequence[Figure], findings: Mapping[str, Mapping[str, str]]) -> str:
    rows = []
    for claim, sentence in CLAIMS.items():
        if claim == "Study":
            continue
        found = [
            (figure.title, findings[figure.name]["supports"])
            for figure in figures
            if figure.claim == claim and findings[figure.name]["supports"] in VERDICTS
        ]
        for i, (title, supports) in enumerate(found):
            first = f"{claim}. {escape(sentence)}" if i == 0 else " "
            rows.append((first, escape(title), f"**{supports}**"))
    return _table(("claim of the paper", "judged by", "this study says"), rows)


def _figure(figure: Figure, finding: Mapping[str, str], folder: Path, static: Path) -> str:
    """One figure: picture, what it shows (fixed), what this study says (computed)."""
    png = (folder / f"{figure.name}.png").read_bytes()
    width = int.from_bytes(png[16:20], "big") // 2  # IHDR; 300 dpi shown at 150
    encoded = base64.b64encode(png).decode()
    # docutils refuses lines of 10,000 characters; browsers drop line breaks from a data URI.
    picture = "\n   ".join(textwrap.wrap(encoded, 9000))
    shows = figure.shown(static).read_text().split(".. include::")[0].strip()
    verdict = VERDICTS.get(finding["supports"], "")
    paper = f" In the paper: {figure.paper}." if figure.paper else ""
    lines = [
        _title(figure.title, "~"),
        f'.. raw:: html\n\n   <img id="{figure.name}" alt="{figure.title}" width="{width}" '
        f'src="data:image/png;base64,{picture}"/>',
        shows + paper,
        f"**{verdict}** {escape(finding['caption'])}" if verdict else escape(finding["caption"]),
    ]
    return "\n\n".join(line for line in lines if line)


def _environment() -> str:
    versions = {"Python": platform.python_version(), **package_versions()}
    rows = list(versions.items())
    return _table(("package", "version"), rows)
