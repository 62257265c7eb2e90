"""A scheduler of a few lines, as Snakemake's executor: each job in a PID namespace of its own."""

import subprocess
from collections.abc import AsyncGenerator

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=True,
    auto_deploy_default_storage_provider=False,
)
OWN_PROCESSES = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]


class Executor(RemoteExecutor):
    """Starts jobs at once, on this machine."""

    def __post_init__(self) -> None:
        """There is nothing to prepare."""

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit."""
        script = self.get_jobscript(job)
        self.write_jobscript(job, script)
        process = subprocess.Popen([*OWN_PROCESSES, "sh", script])
        self.report_job_submission(SubmittedJobInfo(job, aux={"process": process}))

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report what has ended, yield what works."""
        for active in active_jobs:
            status = active.aux["process"].poll()
            if status is None:
                yield active
            elif status:
                self.report_job_error(active)
            else:
                self.report_job_success(active)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """End them."""
        for active in active_jobs:
            active.aux["process"].terminate()
