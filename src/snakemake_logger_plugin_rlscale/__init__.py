"""Snakemake's console for studies, as a logger plugin: ``snakemake --logger rlscale``.

Snakemake hands over events; what is said of them is decided in ``rlscale.study.console``.
Snakemake's own full text goes to its log file as always (``.snakemake/log``).
"""

from logging import LogRecord

from rich.console import Console
from rich.live import Live
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from rlscale.study.console import Story


class LogHandler(LogHandlerBase):
    """Plain lines for what is done; on a terminal, a line below them for what is being done."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._story = Story(lambda line: self._console.print(line, markup=False))
        self._live = Live(
            get_renderable=lambda: Text(self._story.status(), overflow="ellipsis", no_wrap=True),
            console=self._console,
            refresh_per_second=1,
            transient=True,
        )
        if self._console.is_terminal:
            self._live.start()

    def emit(self, record: LogRecord) -> None:
        """Tell the story what happened; a fault of ours must not end the run's log."""
        try:
            self._tell(record)
        except Exception:
            self.handleError(record)

    def _tell(self, record: LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            self._story.planned(record.stats)
        elif event == LogEvent.JOB_INFO:
            self._story.started(
                record.jobid, record.rule_name, dict(record.wildcards), list(record.log)
            )
        elif event == LogEvent.JOB_FINISHED:
            self._story.finished(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            self._story.failed(record.jobid)
        elif event == LogEvent.ERROR and "CalledProcessError" not in record.getMessage():
            self._story.refused(record.getMessage())

    def close(self) -> None:
        """Take the line of what is being done away, and say how it ended."""
        if not self._closed:
            self._live.stop()
            self._story.ended()
        super().close()
