"""A process from which steps of a run fork: ``python -m rlscale.cli.served SOCKET MODULE ...``."""

import sys

from rlscale.cli.main import run_here
from rlscale.jobs.forkserver import serve

if __name__ == "__main__":
    sys.argv = ["rlscale", *serve(sys.argv[1], sys.argv[2:])]
    run_here()
