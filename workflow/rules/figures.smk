# Figures: one rule per figure of rlscale.report.figures.registry, each PDF + SVG + PNG + CSV +
# computed caption; result checks; the report; Snakemake's report of the workflow (front.rst).
from rlscale.report.figures.registry import CLAIMS, all_figures

FIGURES = or_refuse(all_figures)
FIGURE_FILES = expand(
    "results/{figure}.{suffix}", figure=FIGURES, suffix=("pdf", "svg", "png", "csv")
)
REPORT = Path(workflow.current_basedir).parent / "report"


def text_of(figure):
    """The fixed part of a figure's caption."""
    return figure.shown(REPORT).read_text()


def in_report(figure, suffix):
    """A figure's file as it stands in the report, under the claim that it bears on."""
    return report(
        f"results/{figure.name}.{suffix}",
        caption=str(figure.shown(REPORT)),
        category=f"{figure.claim} {CLAIMS[figure.claim]}",
        labels={"figure": figure.title, "file": suffix.upper()},
    )


rule list_cells:
    output:
        cells="results/cells.txt",
    log:
        "logs/list_cells.log",
    localrule: True
    params:
        cells=[cell.path for cell in CELLS],
    message:
        "List the cells that the study names"
    run:
        Path(output.cells).write_text("".join(f"{cell}\n" for cell in params.cells))


# A copy that git keeps: figures are drawn again where the data sets themselves are not.
rule keep_data_report:
    input:
        report="results/data/{set}/report.json",
    output:
        report="results/data_reports/{set}.json",
    log:
        "logs/keep_data_report/{set}.log",
    localrule: True
    threads: 1
    message:
        "Keep the report of the data set {wildcards.set}"
    shell:
        "cp {input.report} {output.report} 2> {log}"


for figure in FIGURES.values():

    rule:
        name:
            f"plot_{figure.name.removeprefix('fig_')}"
        input:
            curves="results/curves.csv",
            cells="results/cells.txt",
            fits=inputs.figure_fits(config, figure),
            tables=list(inputs.figure_tables(config, figure).values()),
        output:
            pdf=f"results/{figure.name}.pdf",
            svg=f"results/{figure.name}.svg",
            png=in_report(figure, "png"),
            csv=in_report(figure, "csv"),
            caption=f"results/captions/{figure.name}.rst",
            finding=f"results/captions/{figure.name}.json",
        log:
            f"logs/figures/{figure.name}.log",
        localrule: True
        threads: 1
        params:
            figure=figure.name,
            settings=lambda wildcards: piece(settings.figures),
            configuration=settings.whole(config),
            code=settings.code(config, figure.module),
        message:
            f"Draw {figure.name}: {figure.title}"
        shell:
            "rlscale step plot {params.figure} > {log} 2>&1"


# `compare: {name: folder}` names the results folders of other studies.
rule compare_studies:
    input:
        lambda wildcards: inputs.compared(
            config, wildcards.other, wildcards.law, wildcards.x, wildcards.metric
        ),
    output:
        pdf="results/compare/{other}-{law}-{x}-{metric}.pdf",
        svg="results/compare/{other}-{law}-{x}-{metric}.svg",
        png="results/compare/{other}-{law}-{x}-{metric}.png",
        csv="results/compare/{other}-{law}-{x}-{metric}.csv",
    log:
        "logs/compare_studies/{other}-{law}-{x}-{metric}.log",
    wildcard_constraints:
        other="|".join(config["compare"]) or "none",
    localrule: True
    threads: 1
    params:
        configuration=settings.whole(config),
        code=settings.code(config, "rlscale.report.figures.compare"),
    message:
        "Compare {wildcards.law} with the study {wildcards.other}"
    shell:
        "rlscale step compare_studies {wildcards.other:q} {wildcards.law:q} {wildcards.x}"
        " {wildcards.metric:q} > {log:q} 2>&1"


rule check_results:
    input:
        curves="results/curves.csv",
        cells="results/cells.txt",
        fits=FITS,
        outcomes=inputs.of_cells(config, layout.OUTCOMES),
        ledger=inputs.of_cells(config, layout.LEDGER),
        protocols=inputs.of_cells(config, layout.PROTOCOLS),
        seen=inputs.seen_of_corpora(config),
    output:
        checks=report(
            "results/checks.json",
            caption="../report/checks.rst",
            category="Result checks",
            labels={"figure": "Result checks", "file": "JSON"},
        ),
    log:
        "logs/check_results.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.checks),
    message:
        "Check the results"
    shell:
        "rlscale step check_results > {log} 2>&1"


rule require_checks:
    input:
        checks="results/checks.json",
    output:
        passed="results/checks.passed",
    log:
        "logs/require_checks.log",
    localrule: True
    threads: 1
    message:
        "Stop where a result check failed (see results/checks.json)"
    shell:
        "rlscale step require_checks 2>&1 | tee {log}"


rule write_report:
    input:
        checks="results/checks.json",
        curves="results/curves.csv",
        fits=FITS,
        forecasts=FORECASTS,
        recommendation="results/recommendation.md",
        pictures=expand(
            "results/{figure}.{suffix}", figure=FIGURES, suffix=("png", "svg")
        ),
        captions=expand("results/captions/{figure}.json", figure=FIGURES),
        before=list(config.get("report", {}).values()),
    output:
        page="results/report.html",
    log:
        "logs/write_report.log",
    localrule: True
    threads: 1
    params:
        study=config["study"],
        settings=lambda wildcards: piece(settings.figures),
        template=digest((REPORT / "report.html.j2").read_text()),
        code=settings.code(config, "rlscale.report.page"),
        fixed=digest({name: text_of(figure) for name, figure in FIGURES.items()}),
    message:
        "Write the report"
    shell:
        "rlscale step write_report > {log} 2>&1"


rule write_explore_page:
    input:
        curves="results/curves.csv",
        fits=FITS,
    output:
        page="results/explore.html",
    log:
        "logs/write_explore_page.log",
    localrule: True
    threads: 1
    params:
        study=config["study"],
        size=config["fit"]["size"],
        template=digest((REPORT / "explore.html").read_text()),
        code=settings.code(config, "rlscale.report.explore"),
    message:
        "Write the page to explore curves, laws and forecasts"
    shell:
        "rlscale step write_explore_page > {log} 2>&1"


report: "../report/front.rst"


rule figures:
    input:
        FIGURE_FILES,
        "results/report.html",
        "results/explore.html",
        "results/checks.passed",
    message:
        "All figures of the study are drawn, the report is written"
