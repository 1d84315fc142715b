"""What can go wrong, as exceptions. One class a kind of error; `code` is the stable word for a single one."""
import json
from typing import Any, Dict, Optional, Type


class CkptError(Exception):
    """An error that the daemon told, or that was met on the way to it.

    code: stable word for programs (`no_such_job`, `not_running`…). detail: what happened. advice: what to do.
    status: of HTTP, 0 where no daemon answered. outcome: `retryable`, `permanent`, or `unknown` (it may have been done).
    exit_status: what `ckpt` ends with for this kind of error.
    """

    kind = "failed"
    title = "It failed"
    exit_status = 1

    def __init__(self, code: str, detail: str, advice: str = "", status: int = 0, outcome: str = "permanent",
                 title: Optional[str] = None) -> None:
        super().__init__(detail + (("" if detail[-1:] in ".!?" else ".") + " " + advice if advice else ""))
        self.code = code
        self.detail = detail
        self.advice = advice
        self.status = status
        self.outcome = outcome
        if title:
            self.title = title

    def __reduce__(self) -> Any:
        return (type(self), (self.code, self.detail, self.advice, self.status, self.outcome, self.title))


class Failed(CkptError):
    """It was tried and did not work."""


class Usage(CkptError, ValueError):
    """The request is wrong."""

    kind = "usage"
    title = "The request is wrong"
    exit_status = 2


class NotFound(CkptError, LookupError):
    """There is no such job, generation or path."""

    kind = "not_found"
    title = "There is no such thing"
    exit_status = 3


class Conflict(CkptError):
    """The state does not allow it."""

    kind = "conflict"
    title = "The state does not allow it"
    exit_status = 4


class NoDaemon(CkptError, ConnectionError):
    """No daemon runs, it runs on another host, or it does not answer."""

    kind = "no_daemon"
    title = "The daemon is not there"
    exit_status = 5


class Refused(CkptError):
    """Space, quota, policy or safety forbid it."""

    kind = "refused"
    title = "Refused"
    exit_status = 6


class Unusable(CkptError):
    """An engine or the scheduler cannot be used."""

    kind = "unusable"
    title = "Engine or scheduler cannot be used"
    exit_status = 7


class TimedOut(CkptError, TimeoutError):
    """It did not happen in time; it may still."""

    kind = "timed_out"
    title = "Timed out"
    exit_status = 8


_KINDS = {cls.kind: cls for cls in (Failed, Usage, NotFound, Conflict, NoDaemon, Refused, Unusable, TimedOut)}
_BY_STATUS = {400: Usage, 404: NotFound, 409: Conflict, 422: Refused, 503: NoDaemon, 504: TimedOut}


def _class_of_status(status: int) -> Type[CkptError]:
    return _BY_STATUS.get(status, Usage if 400 <= status < 500 else Failed)


def from_problem(status: int, body: bytes) -> CkptError:
    """The exception for an answer with an HTTP status of 400 or more (application/problem+json, RFC 9457)."""
    try:
        problem = json.loads(body.decode("utf-8"))  # type: Dict[str, Any]
        code = problem["code"]
        if not isinstance(code, str) or not code:
            raise ValueError("no code")
    except (ValueError, KeyError, TypeError):
        return _class_of_status(status)(
            "unexpected_reply", "something that is not ckptd answered with HTTP status {}".format(status),
            "Look at `ckpt paths` and `ckpt daemon status`.", status, "unknown")
    cls = _KINDS.get(problem.get("class", ""), _class_of_status(status))
    return cls(code, str(problem.get("detail", "")), str(problem.get("advice", "")), status,
               str(problem.get("outcome", "permanent")), problem.get("title"))
