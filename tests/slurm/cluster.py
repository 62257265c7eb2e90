"""A real Slurm on this machine: munged, slurmctld and slurmd with fake GPUs, in one folder.

GPUs are book-keeping only: character devices that Slurm hands out and nothing computes on. Jobs
lose SLURM_CONF, so /etc/slurm/{slurm,gres}.conf are links into the folder while the cluster runs.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
GPUS = 2
NO_ACCOUNTS = "AccountingStorageType=accounting_storage/none"
SECOND = "localhost"  # a second node by name; what it runs, runs here too
_ETC = Path("/etc/slurm")
_LINKS = ("slurm.conf", "gres.conf")

_SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/d-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
{accounting}
MpiDefault=none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge=300
ReturnToService=2
OverTimeLimit=0
GresTypes=gpu
NodeName={host} Port=16818 {node}
NodeName={second} Port=16819 {node}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=gpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=two Nodes={host},{second} MaxTime=INFINITE State=UP
PartitionName=urgent Nodes={host} PriorityTier=10 MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why no cluster can be started here; empty where one can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        return f"Slurm's {', '.join(absent)} not installed (apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "starting slurmd needs root"
    for link in (_ETC / name for name in _LINKS):
        if link.exists() or link.is_symlink():
            return f"{link} is there: this machine belongs to a cluster, or a test was killed"
    return ""


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Cluster:
    """The daemons of one cluster; each can be stopped and started by itself."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.host = socket.gethostname().split(".")[0]

    def start(self) -> None:
        """Start all daemons and wait until a job could run."""
        (self.folder / "ctld").mkdir()
        self.folder.chmod(0o755)
        self.configure(NO_ACCOUNTS)
        devices = []
        for number in range(GPUS):
            device = self.folder / f"gpu{number}"
            os.mknod(device, 0o20666, os.makedev(1, 3))
            devices.append(f"Name=gpu File={device}\n")
        (self.folder / "gres.conf").write_text("".join(devices))
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        _ETC.mkdir(exist_ok=True)
        for name in _LINKS:
            (_ETC / name).symlink_to(self.folder / name)
        options = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log"}
        options |= {"seed-file": "seed"}
        self.daemon(
            "munged", "--force", *(f"--{k}={self.folder}/munge.{v}" for k, v in options.items())
        )
        self.start_slurmctld()
        self.start_slurmd(SECOND)
        self.start_slurmd(self.host)

    def configure(self, accounting: str) -> None:
        """Write slurm.conf; a daemon reads it at its next start."""
        node = (
            f"NodeHostname={self.host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=32000 Gres=gpu:{GPUS}"
        )
        names = {"host": self.host, "second": SECOND, "node": node, "accounting": accounting}
        text = _SLURM_CONF.format(folder=self.folder, **names)
        (self.folder / "slurm.conf").write_text(text)

    def start_slurmctld(self) -> None:
        """Start the controller and wait until it answers."""
        self.daemon("slurmctld", "-f", str(_ETC / "slurm.conf"))
        self.wait("scontrol ping", lambda said: "is UP" in said)

    def start_slurmd(self, node: str) -> None:
        """Start a node's daemon and wait until it takes jobs."""
        self.daemon("slurmd", "-f", str(_ETC / "slurm.conf"), "-N", node)
        line = f"sinfo --noheader --nodes={node} --format=%t"
        self.wait(line, lambda said: set(said.split()) <= {"idle", "mix"} and said.strip())

    def lose_node(self, node: str, job: str) -> None:
        """End a node as a power cut does: its daemon and every process of its job, at once."""
        self.kill(f"slurmd-{node}")
        mine = f"SLURM_JOB_ID={job}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)

    def restart_slurmctld(self) -> None:
        """Kill the controller and start it again."""
        self.kill("slurmctld")
        self.start_slurmctld()

    def kill(self, daemon: str, with_signal: int = signal.SIGKILL) -> None:
        """End ``munged``, ``slurmctld`` or ``slurmd-<node>`` by its own pid file."""
        file = self.folder / f"{daemon}.pid"
        pid = int(file.read_text())
        if not _alive(pid):
            return
        if daemon.partition("-")[0].encode() not in Path(f"/proc/{pid}/cmdline").read_bytes():
            raise ProcessLookupError(f"{file} names process {pid}, which is no {daemon}")
        os.kill(pid, with_signal)
        deadline = time.monotonic() + 20
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.1)

    def stop(self) -> None:
        """Cancel what runs and stop all daemons."""
        self.command("scancel --user=root", timeout=10)
        self.wait("squeue --noheader", lambda said: not said.strip(), seconds=20, must=False)
        shutil.move(self.folder / "munge.pid", self.folder / "munged.pid")
        for daemon in (f"slurmd-{self.host}", f"slurmd-{SECOND}", "slurmctld", "munged"):
            if (self.folder / f"{daemon}.pid").exists():
                self.kill(daemon, signal.SIGTERM)
        for name in _LINKS:
            (_ETC / name).unlink()

    def command(self, line: str, timeout: float = 20) -> str:
        """Output of one of Slurm's commands; empty where it failed."""
        try:
            done = subprocess.run(line.split(), capture_output=True, text=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout if done.returncode == 0 else ""

    def jobs(self, columns: str = "%i %T %k") -> list[str]:
        """Jobs that wait or run, a line each."""
        return self.command(f"squeue --noheader --format={columns.replace(' ', '|')}").splitlines()

    def daemon(self, *command: str) -> None:
        """Start a program that detaches itself."""
        environment = {**os.environ, "PATH": _path()}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

    def wait(self, line, ready, *, seconds: float = 30, must: bool = True) -> None:
        """Ask by one of Slurm's commands until its output is right."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ready(self.command(line, timeout=5)):
                return
            time.sleep(0.2)
        if must:
            raise TimeoutError(f"{line}: not ready after {seconds:g} s; logs in {self.folder}")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
