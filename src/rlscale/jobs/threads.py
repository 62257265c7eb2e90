"""Threads of the numerical libraries, which change float sums."""

import os

# What Snakemake sets for its jobs: a step that is started by hand computes the same.
VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip


def use_threads(number: int) -> None:
    """Let libraries that are imported from now on use that many threads."""
    os.environ.update(dict.fromkeys(VARIABLES, str(number)))
