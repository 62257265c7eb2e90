"""Stands in for ``rlscale.cli.served``: a forked process does what its second argument says."""

import os
import signal
import sys
import time
from pathlib import Path

from rlscale.jobs.forkserver import serve

_, action, *rest = serve(sys.argv[1], [])
if action == "tell":
    print(os.getcwd(), os.environ["TOLD"], *rest)
    print("said", file=sys.stderr)
    Path("made").touch()
    sys.exit(7)
if action == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if action == "wait":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(85))
    Path("pid").write_text(str(os.getpid()))
    time.sleep(60)
