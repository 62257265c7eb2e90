# Figures: one rule per entry of rlscale.plots.registry, each PDF + PNG + CSV + computed caption.
from rlscale.manifests import digest
from rlscale.plots.registry import CLAIMS, FIGURES

FIGURE_FILES = expand(
    "results/{figure}.{suffix}", figure=FIGURES, suffix=("pdf", "png", "csv")
)
# Digest of all that can change a result; it stands in every figure.
CONFIGURATION = digest({k: v for k, v in config.items() if k != "resources"})


def figure_settings(name):
    """What the drawing of a figure depends on besides its inputs."""
    settings = {key: config["figures"][key] for key in ("palette", "overlay_published")}
    fit = {key: config["fit"][key] for key in ("benchmark", "level")}
    return json.dumps(settings | fit)


def figure_category(name):
    """Heading of the report under which a figure stands."""
    claim = FIGURES[name].claim
    return f"{claim} {CLAIMS[claim]}"


rule list_cells:
    output:
        cells="results/cells.txt",
    log:
        "logs/list_cells.log",
    params:
        cells=[cell.path for cell in CELLS],
    message:
        "List the cells that the study names"
    run:
        Path(output.cells).write_text("".join(f"{cell}\n" for cell in params.cells))


for spec in FIGURES.values():

    rule:
        name:
            f"plot_{spec.name.removeprefix('fig_')}"
        input:
            curves="results/curves.csv",
            cells="results/cells.txt",
            fits=[f for f in FITS if Path(f).stem in spec.fits],
        output:
            pdf=f"results/{spec.name}.pdf",
            png=report(
                f"results/{spec.name}.png",
                caption=f"../report/{spec.name}.rst",
                category=figure_category(spec.name),
                labels={"figure": spec.title, "file": "PNG"},
            ),
            csv=report(
                f"results/{spec.name}.csv",
                caption=f"../report/{spec.name}.rst",
                category=figure_category(spec.name),
                labels={"figure": spec.title, "file": "CSV"},
            ),
            caption=f"results/captions/{spec.name}.rst",
        log:
            f"logs/figures/{spec.name}.log",
        threads: 1
        params:
            figure=spec.name,
            settings=figure_settings(spec.name),
            configuration=CONFIGURATION,
            code=code(spec.module),
        message:
            f"Draw {spec.name}: {spec.title}"
        shell:
            "OMP_NUM_THREADS=1 python $SCRIPTS/plot_figure.py {params.figure}"
            " --settings {params.settings:q} --configuration {params.configuration}"
            " --curves {input.curves} --fits {input.fits} --cells {input.cells}"
            " --caption {output.caption} --output {output.pdf} > {log} 2>&1"


rule figures:
    input:
        FIGURE_FILES,
    message:
        "All figures of the study are drawn"
