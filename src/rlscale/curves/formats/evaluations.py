"""Results folders over checkpoints: a file per evaluation of lm-eval, lighteval or EvalPlus.

The step is in the model's name or the file's path (``checkpoint-100``, ``step_100``,
``global_step_100``, ``iter_100``); what remains of the name is the run. Values are called
``task/metric``, the number of problems, where it is said, ``task/problems``.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.curves.texts import frame, read_json, several

if TYPE_CHECKING:
    import pandas

_STEP = re.compile(
    r"(?<![/_-])[/_-]*(?:checkpoint|ckpt|(?:global_?)?step|iter(?:ation)?)[_-]?(\d{1,18})\b.*",
    re.I,
)
_AFTER_MODEL = re.compile(r"_[a-z]+_temp_|[._]eval_results\.json")  # in EvalPlus's names of files
_WRITTEN = re.compile(r"results_(.+?)\.json")


def read_lm_eval(path: Path) -> "pandas.DataFrame":
    """lm-eval: ``<output_path>/<model>/results_<date>.json``."""
    return _read(path, _lm_eval_model)


def read_lighteval(path: Path) -> "pandas.DataFrame":
    """lighteval: ``<output_dir>/results/<model>/results_<date>.json``."""
    return _read(path, _lighteval_model)


def read_evalplus(path: Path) -> "pandas.DataFrame":
    """EvalPlus: ``<root>/<data set>/<model>_vllm_temp_0.0.eval_results.json``.

    ``HumanEval/base`` is the share of a problem's programs that pass the original tests, averaged
    over problems, ``HumanEval/plus`` that of those that pass EvalPlus's too.
    """

    rows: dict[str, list[dict[str, Any]]] = {}
    files = sorted(path.rglob("*eval_results.json")) if path.is_dir() else [path]
    for file in files:
        document = read_json(file)
        solved = document.get("eval") if isinstance(document, dict) else None
        if not isinstance(solved, dict) or not solved:
            raise StudyError(f"{file}: no 'eval': not what EvalPlus writes")
        model = _AFTER_MODEL.split(file.name)[0].replace("--", "/")
        run, step = _place(model, file)
        rows.setdefault(run, []).append({"step": step} | _solved(solved, file))
    if not rows:
        raise StudyError(f"{path}: no *eval_results.json in this folder")
    return several({run: frame(own, path) for run, own in rows.items()}, path)


def _solved(solved: Mapping[str, Any], file: Path) -> dict[str, float]:
    """Shares of programs that pass, and the number of problems, by the data set's name."""
    name = next(iter(solved)).partition("/")[0]
    shares = {"base": 0.0, "plus": 0.0}
    try:
        for programs in solved.values():
            base = [program["base_status"] == "pass" for program in programs]
            plus = [program["plus_status"] == "pass" for program in programs]
            shares["base"] += sum(base) / len(base)
            shares["plus"] += sum(map(bool.__and__, base, plus)) / len(plus)
    except (TypeError, KeyError, ZeroDivisionError):
        raise StudyError(
            f"{file}: its 'eval' is no list of base_status and plus_status a problem, as EvalPlus "
            "0.2 and later write it"
        ) from None
    count = len(solved)
    return {f"{name}/{tests}": sum_ / count for tests, sum_ in shares.items()} | {
        f"{name}/problems": count
    }


def results_files(path: Path) -> list[Path]:
    """Files of results, in the order in which they were written."""
    files = path.rglob("results_*.json") if path.is_dir() else [path]
    return sorted(files, key=lambda file: (str(_WRITTEN.search(file.name)), str(file)))


def _read(path: Path, model: Any) -> "pandas.DataFrame":

    rows: dict[str, list[dict[str, Any]]] = {}
    for file in results_files(path):
        document = read_json(file)
        try:
            run, step = _place(model(document), file)
            values = dict(_values(document))
        except (AttributeError, KeyError, TypeError):
            raise StudyError(
                f"{file}: no 'results' of tasks and metrics: not what an evaluation harness writes"
            ) from None
        rows.setdefault(run, []).append({"step": step} | values)
    if not rows:
        raise StudyError(f"{path}: no results_*.json in this folder")
    return several({run: frame(own, path) for run, own in rows.items()}, path)


def _place(model: str, file: Path) -> tuple[str, int]:
    """Run and step, of the model's name or else of the file's folders."""
    for name in (model, *(str(folder) for folder in file.parents)):
        if found := _STEP.search(name):
            return Path(name[: found.start()]).name or name, int(found[1])
    raise StudyError(
        f"{file}: no step in the model's name '{model}' or the path; rename its folder, such as "
        "checkpoint-100, or checkpoint-0 for the model before training"
    )


def _values(document: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for task, metrics in document["results"].items():
        for metric, value in metrics.items():
            if isinstance(value, int | float):
                yield f"{task}/{metric.removesuffix(',none')}", value
    for task, count in document.get("n-samples", {}).items():
        if isinstance(count, dict) and "effective" in count:
            yield f"{task}/problems", count["effective"]


def _lm_eval_model(document: Mapping[str, Any]) -> str:
    arguments = document.get("config", {}).get("model_args") or ""
    if isinstance(arguments, dict):
        arguments = f"pretrained={arguments.get('pretrained', '')}"
    named = re.search(r"(?:pretrained|model)=([^,]+)", arguments)
    return named[1] if named else str(document.get("model_name", ""))


def _lighteval_model(document: Mapping[str, Any]) -> str:
    general = document.get("config_general", {})
    configured = general.get("model_config") or {}
    return str(general.get("model_name") or configured.get("model_name", ""))
