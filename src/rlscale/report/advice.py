"""The recommendation, which is Markdown, as HTML: whole, and its advice alone.

A sentence of advice is a paragraph with something in bold.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markupsafe import Markup


def as_html(text: str) -> "Markup":
    """Markdown without its title as HTML, headings one level down; HTML and links stay text."""
    from markupsafe import Markup

    reader = _reader()
    tokens = reader.parse(text.partition("\n")[2])
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + 1}"
        if token.type == "th_open":
            token.attrSet("scope", "col")
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def advice(text: str) -> list[tuple[str, "Markup"]]:
    """(section, sentence as HTML) of each paragraph of Markdown that has something in bold."""
    from markupsafe import Markup

    reader, section, found = _reader(), "", []
    tokens = reader.parse(text)
    for i, token in enumerate(tokens):
        if token.type != "inline" or not token.children:
            continue
        if tokens[i - 1].type == "heading_open":
            section = token.content
        elif tokens[i - 1].type == "paragraph_open" and any(
            child.type == "strong_open" for child in token.children
        ):
            found.append((section, Markup(reader.renderInline(token.content))))
    return found


def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return reader.disable(["image", "link", "autolink", "html_block", "html_inline"])
