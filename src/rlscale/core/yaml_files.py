"""YAML of configurations, mappings and cards: as the safe loader reads it, within limits."""

from pathlib import Path
from typing import Any

import yaml

from rlscale.core.errors import StudyError
from rlscale.core.files import check_regular

_MOST = 1_000_000  # values; the largest configuration of ours has some 1,000


class _Loader(yaml.SafeLoader):
    """YAML as the safe loader reads it, a key given twice in one section refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A section, whose keys must differ; merged ones (``<<``) may be given again."""
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise StudyError(
                    f"{self.name}: line {line}: the key '{key}' stands in line {seen[key]} "
                    "already; remove one of them"
                )
            seen[key] = line
        return super().construct_mapping(node, deep)


def load(path: Path | str) -> Any:
    """Read a configuration file, or another's YAML.

    Raises:
        StudyError: It is missing, no YAML, gives a key twice, or names parts of itself so often
            that they are more than any configuration; the message names the line.
    """
    check_regular(path)
    try:
        with open(path, encoding="utf-8") as handle:
            found = yaml.load(handle, _Loader)
        if _expanded(found, {}) > _MOST:
            raise ValueError(f"its aliases stand for more than {_MOST:,} values")
        return found
    except FileNotFoundError:
        raise StudyError(f"{path}: there is no such configuration file") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not UTF-8 text ({error}); save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise StudyError(f"{path}: {line}not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise StudyError(f"{path}: not YAML that a configuration can be ({said})") from None


def _expanded(value: Any, known: dict[int, int]) -> int:
    """Values within a value, one that several aliases name counted each time.

    Args:
        value: As YAML gives it.
        known: Identity -> what was counted before.
    """
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(value)]
