"""The wishes of a job: how often, how long kept, what at the end of an allocation."""
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from ._values import Text, encode_text, seconds, seconds_or
from .errors import Usage
from .views import Field, Record, count, duration, number, text, texts

if TYPE_CHECKING:
    from .job import Job

_DURATIONS = {"every": ["auto", "off"], "lead": ["auto"], "total_time": [], "stop_after": []}  # type: Dict[str, List[str]]
_TEXTS = ("ckpt_files", "append_files")
_PLAIN = ("keep", "keep_after_success", "compress", "max_restarts", "at_walltime", "stdout_on_restart", "local_files", "shield_term")
#: What `Client.submit`, `Job.restart` and `Job.policy.update` take as keywords.
NAMES = tuple(_DURATIONS) + _PLAIN + _TEXTS + ("tags",)


def _listed(value: Any) -> Sequence[Text]:
    return [value] if isinstance(value, (str, bytes)) else list(value)


def to_json(wishes: Mapping[str, Any]) -> Dict[str, Any]:
    """Keywords → fields of the API: every="30m" → every_seconds=1800.0. A keyword that is None is left out. `Usage` for a name
    that is no wish."""
    out = {}  # type: Dict[str, Any]
    for name, value in wishes.items():
        if name not in NAMES:
            raise Usage("no_such_wish", "a policy has no '{}'".format(name), "It has: {}.".format(", ".join(NAMES)))
        if value is None:
            continue
        if name in _DURATIONS:
            out[name + "_seconds"] = seconds_or(value, _DURATIONS[name]) if _DURATIONS[name] else seconds(value)
        elif name in _TEXTS:
            out[name] = [encode_text(one) for one in _listed(value)]
        elif name == "tags":
            out[name] = {str(key): str(one) for key, one in value.items()}
        else:
            out[name] = value
    return out


def _float_or_word(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else float(value)


class Policy(Record):
    """As it is now. `update` changes it, also while the job runs."""

    revision = count()
    every_seconds = Field(_float_or_word, "seconds, auto or off")
    lead_seconds = Field(_float_or_word, "seconds or auto")
    keep = number("sealed generations kept, the newest included")
    keep_after_success = number()
    compress = text("zstd or none")
    max_restarts = number()
    total_time_seconds = duration()
    stop_after_seconds = duration()
    at_walltime = text("requeue or park")
    stdout_on_restart = text("exact or append")
    ckpt_files = texts()
    append_files = texts()
    local_files = text("save, warn or ignore")
    shield_term = text("auto, on or off")
    tags = Field(lambda value: dict(value or {}))  # type: Field[Dict[str, str]]

    def __init__(self, raw: Dict[str, Any], job: Optional["Job"] = None) -> None:
        super().__init__(raw)
        self._job = job

    def update(self, **wishes: Any) -> "Policy":
        """Changes what is named: job.policy.update(every="10m", keep=3). Takes effect in a running program. Returns itself."""
        assert self._job is not None, "a policy of no job"
        self._job._change_policy(to_json(wishes))
        self.raw = self._job.raw["policy"]
        return self

    def _shown(self) -> List[str]:
        return ["every_seconds", "keep"]
