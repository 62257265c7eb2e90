"""Slurm's accounting: a MariaDB and slurmdbd in a cluster's folder."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cluster import NO_ACCOUNTS, Cluster

PROGRAMS = ("mariadbd", "mariadb-install-db", "slurmdbd", "sacct")
_CONF = Path("/etc/slurm/slurmdbd.conf")
_PORT, _DATABASE_PORT = 16820, 16821
_SLURMDBD_CONF = f"""
DbdHost=localhost
DbdPort={_PORT}
AuthType=auth/munge
AuthInfo=socket={{folder}}/munge.socket
SlurmUser=root
PidFile={{folder}}/slurmdbd.pid
LogFile={{folder}}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={_DATABASE_PORT}
StorageUser=slurm
StoragePass=slurm
"""
_ON = f"""
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={_PORT}
AccountingStoragePass={{folder}}/munge.socket
AccountingStoreFlags=job_comment
AccountingStorageTRES=gres/gpu
"""


def missing() -> str:
    """Why there can be no accounting here; empty where there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path="/usr/bin:/usr/sbin") is None]
    packages = "slurmdbd mariadb-server slurm-wlm-mysql-plugin"
    return f"{', '.join(absent)} not installed (apt-get install {packages})" if absent else ""


@contextlib.contextmanager
def accounting(cluster: Cluster) -> Iterator[None]:
    """Keep accounts of a cluster's jobs."""
    folder, data = cluster.folder, cluster.folder / "mariadb"
    subprocess.run(
        ["mariadb-install-db", f"--datadir={data}", "--user=root", "--skip-test-db"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    first = folder / "first.sql"
    first.write_text(
        "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm';\n"
        "GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';\n"
    )
    database = subprocess.Popen(
        ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}", f"--init-file={first}",
         "--user=root", f"--socket={folder}/mariadb.socket", f"--port={_DATABASE_PORT}",
         "--bind-address=127.0.0.1", "--skip-name-resolve", f"--log-error={folder}/mariadb.log"],
    )  # fmt: skip
    conf = folder / "slurmdbd.conf"
    conf.write_text(_SLURMDBD_CONF.format(folder=folder))
    conf.chmod(0o600)
    _CONF.symlink_to(conf)
    try:
        cluster.wait("true", lambda _: "ready for connections" in _read(folder / "mariadb.log"))
        cluster.daemon("slurmdbd")
        cluster.wait("true", lambda _: " started" in _read(folder / "slurmdbd.log"))
        cluster.configure(_ON.format(folder=folder))
        cluster.restart_slurmctld()
        cluster.wait("sacctmgr --noheader show cluster", lambda said: "test" in said)
        yield
    finally:
        cluster.configure(NO_ACCOUNTS)
        cluster.restart_slurmctld()
        if (folder / "slurmdbd.pid").exists():
            cluster.kill("slurmdbd", signal.SIGTERM)
        _CONF.unlink()
        database.terminate()
        database.wait()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
