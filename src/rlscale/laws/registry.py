"""The laws by name: this package's own and those that other packages add.

Another package adds one by an entry point of the group ``rlscale.laws`` that names a subclass of
``rlscale.laws.law.Law``; nothing else has to be told.
"""

import inspect
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry

if TYPE_CHECKING:
    from rlscale.laws.law import Law

DEFAULT = "saturating"  # The law under test, where nothing else is asked for.
PAPER = "paper"  # The same law by the paper's own protocol.
BASELINES = ("constant", "last_value")  # What skill is measured against.

LAWS: Registry["type[Law]"] = Registry(
    "law",
    "rlscale.laws",
    {
        "saturating": "rlscale.laws.straight:Saturating",
        "paper": "rlscale.laws.paper:Paper",
        "power": "rlscale.laws.straight:Power",
        "free_slopes": "rlscale.laws.straight:FreeSlopes",
        "floor": "rlscale.laws.curved:Floor",
        "sigmoid": "rlscale.laws.curved:Sigmoid",
        "decomposition": "rlscale.laws.surface:Decomposition",
        "median": "rlscale.laws.median:Median",
        "constant": "rlscale.laws.baselines:Constant",
        "last_value": "rlscale.laws.baselines:LastValue",
    },
)


def law_named(name: str) -> "Law":
    """The law of that name.

    Raises:
        StudyError: There is none, or what stands under the name is no whole law; the message says
            what it lacks.
    """
    from rlscale.laws.law import Law  # Keeps this module light: the workflow imports it.

    found = LAWS.get(name)
    where = f"the law '{name}' of {LAWS.module(name)}"
    if not (inspect.isclass(found) and issubclass(found, Law)):
        raise StudyError(f"{where} is no subclass of rlscale.laws.law.Law; make it one")
    lacking = sorted(found.__abstractmethods__)
    lacking += [own for own in ("name", "equation", "words") if not hasattr(found, own)]
    if lacking:
        raise StudyError(f"{where} lacks {', '.join(lacking)}: see rlscale.laws.law.Law")
    if found.name != name:
        raise StudyError(f"{where} calls itself '{found.name}'; register it under that name")
    return found()
