"""The page of a data file's overview: one HTML file that needs no network."""

from html import escape
from typing import Any

from rlscale.data.overview import Overview

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .2rem .6rem; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
tr + tr { border-top: 1px solid #ddd; }
.bar { background: #e8e8e8; width: 16rem; height: .8rem; position: relative; }
.bar i { position: absolute; height: 100%; }
.left { background: #4878a8; } .lost { background: #c44; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f6; padding: .6rem;
      font-size: 13px; }
"""


def page(found: Overview) -> str:
    """The overview as HTML: waterfall with bars, examples of each loss, what is left."""
    parts = [f"<h1>{escape(found.title)}</h1>", _paragraphs(found.stated)]
    parts += ["<h2>Where rows go</h2>", _waterfall(found.waterfall)]
    if found.losses:
        parts.append("<h2>Examples of each loss</h2>")
    parts += [_folded(name, lines) for name, lines in found.losses.items()]
    facts = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>"
        for name, text in found.facts.items()
    )
    parts += ["<h2>What is left</h2>", f"<table>{facts}</table>"]
    if found.clusters:
        parts.append("<h2>Near each other, largest clusters first</h2>")
    parts += [_folded(lines[0][:120], lines) for lines in found.clusters]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(found.title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _paragraphs(lines: list[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _folded(name: str, lines: list[str]) -> str:
    shown = escape("\n".join(line.strip() for line in lines))
    return f"<details><summary>{escape(name)}</summary><pre>{shown}</pre></details>"


def _waterfall(steps: list[dict[str, Any]]) -> str:
    rows = "".join(_step(step, steps[0]["rows"]) for step in steps)
    head = "<tr><th>step</th><th>reason</th><th>rows</th><th>left</th><th></th></tr>"
    return f"<table>{head}{rows}</table>"


def _step(step: dict[str, Any], total: int) -> str:
    left, lost = (100 * n / total for n in (step["left"], max(0, -step["rows"])))
    bar = f'<i class="left" style="width:{left:.2f}%"></i>'
    bar += f'<i class="lost" style="left:{left:.2f}%;width:{lost:.2f}%"></i>'
    return (
        f"<tr><td>{escape(step['stage'])}</td><td>{escape(step['reason'])}</td>"
        f'<td class="n">{step["rows"]:,}</td><td class="n">{step["left"]:,}</td>'
        f'<td><div class="bar">{bar}</div></td></tr>'
    )
