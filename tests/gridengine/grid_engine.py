"""A real Grid Engine on this machine, in one folder: a queue master and an execution daemon.

Debian 12's packages gridengine-master, gridengine-exec and gridengine-client (8.1.9) are enough;
their own cluster, in /var/lib/gridengine, is neither used nor changed.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("sge_qmaster", "sge_execd", "qsub", "qconf", "qacct")
PACKAGED = Path("/var/lib/gridengine")
SHARED = Path("/usr/share/gridengine")
HELPERS = Path("/usr/lib/gridengine")
SLOTS, GPUS = 2, 2
# A resource that jobs use up, as a site names it: GPUs and memory.
COUNTED = """name {0}
shortcut {0}
type {1}
relop <=
requestable YES
consumable YES
default 0
urgency 0
"""
BOOTSTRAP = """admin_user none
default_domain none
ignore_fqdn true
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params {folder}/spooldb
binary_path /usr/sbin
qmaster_spool_dir {folder}/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
"""


def missing() -> str:
    """Why no Grid Engine can be started here; empty where one can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        packages = "gridengine-master gridengine-exec gridengine-client"
        return f"Grid Engine's {', '.join(absent)} not installed (apt-get install {packages})"
    return "" if os.geteuid() == 0 else "starting sge_execd needs root"


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _changed(text: str, **values: str) -> str:
    """A configuration of Grid Engine's (a key and its value a line) with other values."""
    for key, value in values.items():
        text, found = re.subn(rf"(?m)^{key}\s.*$", f"{key} {value}", text)
        assert found == 1, key
    return text


class GridEngine:
    """The daemons of one cell, and the variables by which commands find it."""

    def __init__(self, folder: Path):
        self.folder = folder
        ports = {"SGE_QMASTER_PORT": "16444", "SGE_EXECD_PORT": "16445"}
        self.variables = {"SGE_ROOT": str(folder), "SGE_CELL": "default", **ports}

    def start(self) -> None:
        """Start both daemons and a queue of two slots."""
        self.configure()
        self.command("sge_qmaster")
        self.wait(lambda: self.command("qconf", "-sh", must=False))
        self.command("qconf", "-as", "localhost")
        self.command("sge_execd")
        self.change("-Msconf", "-ssconf", schedule_interval="0:0:1", flush_submit_sec="1",
                    flush_finish_sec="1", job_load_adjustments="NONE")  # fmt: skip
        own = {"qname": "all.q", "hostlist": "localhost", "slots": str(SLOTS)}
        self.change("-Aq", "-sq", **own, load_thresholds="NONE", pe_list="NONE")
        counts = f"complex_values gpu={GPUS},mem=20G"
        self.command("qconf", "-rattr", "exechost", *counts.split(), "localhost")
        self.wait(lambda: "lx-" in self.command("qhost", must=False))

    def configure(self) -> None:
        """Write a cell's files and its data base."""
        common = self.folder / "default" / "common"
        for folder in (common, self.folder / "qmaster/job_scripts", self.folder / "execd"):
            folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        for name in ("bin", "lib", "util", "utilbin"):
            (self.folder / name).symlink_to(PACKAGED / name)
        (self.folder / "spooldb").mkdir()
        (common / "act_qmaster").write_text("localhost\n")
        names = {socket.gethostname(), *_names_of_this_machine()} - {"localhost"}
        (common / "host_aliases").write_text(f"localhost {' '.join(sorted(names))}\n")
        (common / "bootstrap").write_text(BOOTSTRAP.format(folder=self.folder))
        settings = _changed(
            (SHARED / "default-configuration").read_text(),
            execd_spool_dir=str(self.folder / "execd"), min_uid="0", min_gid="0",
            reporting_params="accounting=true reporting=false accounting_flush_time=00:00:00",
        )  # fmt: skip
        (self.folder / "configuration").write_text(settings)
        complexes = self.folder / "complexes"
        shutil.copytree(SHARED / "util/resources/centry", complexes)
        for name, kind in (("gpu", "INT"), ("mem", "MEMORY")):
            (complexes / name).write_text(COUNTED.format(name, kind))
        self.helper("spoolinit", "berkeleydb", "libspoolb", self.folder / "spooldb", "init")
        self.helper("spooldefaults", "configuration", self.folder / "configuration")
        self.helper("spooldefaults", "complexes", complexes)
        self.helper("spooldefaults", "usersets", SHARED / "util/resources/usersets")
        self.helper("spooldefaults", "managers", "root")

    def change(self, write: str, read: str, **values: str) -> None:
        """Change what qconf shows by ``read``, and give it back by ``write``."""
        file = self.folder / "changed"
        file.write_text(_changed(self.command("qconf", read), **values))
        self.command("qconf", write, str(file))

    def helper(self, name: str, *arguments: object) -> None:
        """Run one of the programs that make a cell."""
        self.command(str(HELPERS / name), *map(str, arguments))

    def command(self, *line: str, must: bool = True) -> str:
        """Output of one of Grid Engine's programs."""
        environment = {**os.environ, **self.variables, "PATH": _path()}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 or not must, done.stdout + done.stderr
        return done.stdout if done.returncode == 0 else ""

    def wait(self, ready, seconds: float = 60) -> None:
        """Until something is true."""
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not ready after {seconds:g} s; see {self.folder}")
            time.sleep(0.3)

    def stop(self) -> None:
        """Cancel what runs and end both daemons."""
        self.command("qdel", "-f", "-u", "*", must=False)
        for daemon in ("execd/localhost/execd.pid", "qmaster/qmaster.pid"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int((self.folder / daemon).read_text()), signal.SIGTERM)


def _names_of_this_machine() -> list[str]:
    """Names of the loopback address in /etc/hosts: daemons may learn any of them."""
    lines = Path("/etc/hosts").read_text().splitlines()
    return [name for line in lines if line.startswith("127.") for name in line.split()[1:]]
