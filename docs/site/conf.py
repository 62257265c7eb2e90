"""The documentation as a site: `make docs-site`. It reads the pages where they are."""

project = "rlscale"
extensions = ["myst_parser"]
html_theme = "furo"
root_doc = "docs/site/index"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "config/README.md",
    "docs/*.md",
    "docs/site/index.md",
    "resources/*/README.md",
]
# Not walked through, as they may be large.
exclude_patterns = [".*", "build", "checkpoints", "logs", "results", "src", "tests"]
myst_heading_anchors = 4
# A page that no group names yet is reached from docs/README.md.
suppress_warnings = ["toc.not_included"]
html_show_copyright = False
html_copy_source = False
