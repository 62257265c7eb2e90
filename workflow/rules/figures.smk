# Figures: one rule per figure of rlscale.report.figures.registry, each PDF + PNG + CSV + computed
# caption; result checks; the report's front page.
from fnmatch import fnmatch
from functools import cache

from rlscale.report.figures.registry import CLAIMS, all_figures

FIGURES = or_refuse(all_figures)
FIGURE_FILES = expand(
    "results/{figure}.{suffix}", figure=FIGURES, suffix=("pdf", "png", "csv")
)
# Digest of all that can change a result; it stands in every figure.
CONFIGURATION = digest({k: v for k, v in config.items() if k != "resources"})
# What figures read besides curves and fits, by the names that the registry's patterns match.
TABLES = {
    **{f"scores_{Path(path).stem}": path for path in FORECASTS},
    **{
        f"{protocol}_{law}": f"results/forecasts/{protocol}/{law}.json"
        for protocol in config["forecast"]["protocols"]
        for law in config["forecast"]["laws"]
    },
    **({name: f"results/{name}.csv" for name in ("ledger", "timings") if CELLS}),
    **{
        f"data_{name}": f"results/data_reports/{name}.json"
        for name in sorted({config["recipes"][cell.recipe]["data"] for cell in CELLS})
    },
    **(
        {"published": published}
        if (published := config["figures"]["published"])
        else {}
    ),
}
REPORT = Path(workflow.current_basedir).parent / "report"
plot_code = cache(code)


def figure_settings():
    """What the drawing of figures depends on besides their inputs."""
    look = {key: config["figures"][key] for key in ("palette", "compute")}
    keys = ("benchmark", "select", "size", "level", "margin")
    return json.dumps(look | {key: config["fit"][key] for key in keys})


def figure_fits(figure):
    """The names of the fits that a figure reads."""
    return figure.fits_on(config["figures"]["compute"])


def figure_tables(figure):
    """The tables of the study that a figure reads, by name."""
    return {
        name: path
        for name, path in TABLES.items()
        if any(fnmatch(name, pattern) for pattern in figure.tables)
    }


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
            fits=[fit for fit in FITS if Path(fit).stem in figure_fits(figure)],
            tables=list(figure_tables(figure).values()),
        output:
            pdf=f"results/{figure.name}.pdf",
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
            settings=figure_settings(),
            configuration=CONFIGURATION,
            tables=[f"{name}={path}" for name, path in figure_tables(figure).items()],
            code=plot_code(figure.module),
        message:
            f"Draw {figure.name}: {figure.title}"
        shell:
            "OMP_NUM_THREADS=1 python $SCRIPTS/plot_figure.py {params.figure}"
            " --settings {params.settings:q} --configuration {params.configuration}"
            " --curves {input.curves} --fits {input.fits} --tables {params.tables}"
            " --cells {input.cells} --caption {output.caption} --output {output.pdf}"
            " > {log} 2>&1"


# `compare: {name: folder}` names the results folders of other studies.
rule compare_studies:
    input:
        one="results/fits/{law}-{x}-{metric}.json",
        other=lambda wildcards: (
            f"{config['compare'][wildcards.other]}/fits/"
            f"{wildcards.law}-{wildcards.x}-{wildcards.metric}.json"
        ),
    output:
        pdf="results/compare/{other}-{law}-{x}-{metric}.pdf",
        png="results/compare/{other}-{law}-{x}-{metric}.png",
        csv="results/compare/{other}-{law}-{x}-{metric}.csv",
    log:
        "logs/compare_studies/{other}-{law}-{x}-{metric}.log",
    wildcard_constraints:
        other="|".join(config["compare"]) or "none",
    localrule: True
    threads: 1
    params:
        configuration=CONFIGURATION,
        code=plot_code("rlscale.report.figures.compare"),
    message:
        "Compare {wildcards.law} with the study {wildcards.other}"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/compare_studies.py --one {input.one}"
        " --other {input.other} --configuration {params.configuration} --output {output.pdf}"
        " > {log} 2>&1"


rule check_results:
    input:
        curves="results/curves.csv",
        cells="results/cells.txt",
        fits=FITS,
        outcomes="results/outcomes.parquet" if CELLS else [],
        ledger="results/ledger.csv" if CELLS else [],
        protocols="results/protocols.csv" if CELLS else [],
        seen=seen_of_corpora() if CELLS else [],
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
        optional=lambda wildcards, input: " ".join(
            f"--{name} {input[name]}"
            for name in ("outcomes", "ledger", "protocols", "seen")
            if input[name]
        ),
        benchmark=config["fit"]["benchmark"],
        allow="--allow-missing" if config["figures"]["allow_missing"] else "",
        code=code("rlscale.answers.checks"),
    message:
        "Check the results"
    shell:
        "python $SCRIPTS/check_results.py --curves {input.curves} --fits {input.fits}"
        " --cells {input.cells} --benchmark {params.benchmark} {params.optional} {params.allow}"
        " --output {output.checks}"
        " > {log} 2>&1"


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
        "python $SCRIPTS/require_checks.py --checks {input.checks} --output {output.passed}"
        " 2>&1 | tee {log}"


rule write_front_page:
    input:
        checks="results/checks.json",
        pictures=expand("results/{figure}.png", figure=FIGURES),
        captions=expand("results/captions/{figure}.json", figure=FIGURES),
    output:
        page="results/captions/front.rst",
    log:
        "logs/write_front_page.log",
    localrule: True
    threads: 1
    params:
        study=config["study"],
        code=plot_code("rlscale.report.front_page"),
        fixed=digest({name: text_of(figure) for name, figure in FIGURES.items()}),
    message:
        "Write the front page of the report"
    shell:
        "python $SCRIPTS/write_front_page.py --study {params.study} --checks {input.checks}"
        " --figures results --captions results/captions --output {output.page} > {log} 2>&1"


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
        code=plot_code("rlscale.report.explore"),
    message:
        "Write the page to explore curves, laws and forecasts"
    shell:
        "python $SCRIPTS/write_explore_page.py --study {params.study} --size {params.size}"
        " --curves {input.curves} --fits {input.fits} --output {output.page} > {log} 2>&1"


report: "../report/front.rst"


rule figures:
    input:
        FIGURE_FILES,
        "results/captions/front.rst",
        "results/explore.html",
        "results/checks.passed",
    message:
        "All figures of the study are drawn, the report's front page is written"
