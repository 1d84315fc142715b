"""The way in: `Client()` finds the daemon by itself, and starts it where `ckpt` would."""
import os
import time as clock
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from . import _endpoint, _http, _paths, _script, _submit
from ._values import Duration, Text
from .errors import CkptError, TimedOut, Usage
from .job import Job
from .views import Coordinator, Event, Node, Pruned, Stats, Status

T = TypeVar("T")

_LONG_POLL = 30  # seconds; the daemon allows 60
_FIRST_WAIT = 50
_BUSY_PAUSE = 1.0  # seconds, where the daemon has as many long polls as it takes


def _several(value: Union[None, str, Iterable[str]]) -> List[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


class Client:
    """Talks to the daemon of one cluster. Threads may share it; it holds no connection.

    cluster: whose jobs: Slurm's ClusterName, or "local" for this machine; default: CKPTD_CLUSTER, else the machine's own.
    autostart: whether it starts the daemon when there is none; default: as `ckpt` (CKPTD_AUTOSTART, `daemon.autostart`).
    retry_for: seconds for which a call looks for a daemon that has answered before and went away. A POST is safe to repeat: it carries
    a key by which the daemon knows it.
    env: instead of os.environ, for finding the daemon and as the environment of jobs.
    """

    def __init__(self, cluster: Optional[str] = None, autostart: Optional[bool] = None, retry_for: float = 30.0,
                 env: Optional[Mapping[str, str]] = None) -> None:
        self._env = dict(os.environ if env is None else env)
        self._cluster = cluster
        paths = _paths.find_paths(self._env, cluster)
        self._transport = _http.Transport(paths, self._env, _endpoint.may_start(paths, self._env) if autostart is None else autostart,
                                          retry_for)

    @property
    def cluster(self) -> str:
        return self._transport.paths.cluster

    def __repr__(self) -> str:
        return "<Client of cluster {}>".format(self.cluster)

    # Jobs.

    def submit(self, argv: Union[None, str, Sequence[Any]] = None, name: Optional[str] = None, time: Optional[Duration] = None,
               sbatch_args: Sequence[Text] = (), env: Optional[Mapping[str, Any]] = None, cwd: Optional[Text] = None,
               output: Optional[Text] = None, error: Optional[Text] = None, modules: Sequence[str] = (), setup: Optional[str] = None,
               engine: str = "auto", ckpt_signal: Optional[str] = None, ckpt_command: Optional[str] = None,
               restart_command: Optional[str] = None, inherit_env: bool = True, script: Optional[Text] = None, args: Sequence[Any] = (),
               **wishes: Any) -> Job:
        """A job that outlives its allocations; it is durable when this returns.

        argv: program and arguments; one text is a shell command. name: unique among unfinished jobs. time: limit of ONE allocation,
        as for sbatch ("24:00:00"; a number is seconds). env: laid over this process's environment (`inherit_env=False`: all there
        is). output, error: files, with sbatch's patterns. ckpt_signal, ckpt_command, restart_command: of the `app` engine.
        Further keywords are the policy: every="30m", lead, keep=2, keep_after_success, compress, max_restarts, total_time,
        stop_after, at_walltime, stdout_on_restart, ckpt_files=[…], append_files=[…], local_files, shield_term, tags={…}.

        script: instead of argv, a batch script with its `args`. It goes through `ckpt sbatch`, which has to be on PATH: its #SBATCH
        lines and SBATCH_* variables count, below what is given here; it returns when the scheduler has given it a number.
        """
        app = {"signal": ckpt_signal, "command": ckpt_command, "restart_command": restart_command}
        if script is not None:
            if argv is not None or not inherit_env:
                raise Usage("usage", "a script takes neither argv nor inherit_env=False",
                            'Write args=[…] for its arguments, and sbatch_args=["--export=NONE"].')
            words = _script.words(script, args, name, time, sbatch_args, env, cwd, output, error, modules, setup, engine, app, wishes)
            self._transport.endpoint()
            return Job(_script.submit(words, self._cluster, self._env), self)
        if argv is None or args:
            raise Usage("usage", "there is no program to run", 'Write client.submit(["./simulate", "input.dat"]), or script="job.sh".')
        base = self._env if inherit_env else {}
        body = _submit.request(base, argv, name, time, sbatch_args, env, cwd, output, error, modules, setup, engine, app, wishes)
        return Job(self._post("/v1/jobs", body=body)[1], self)

    def job(self, selector: Union[str, int]) -> Job:
        """By id ("j-7"), name, Slurm job id, or "last". `NotFound`."""
        return Job(self._json("GET", self._job_path(str(selector))), self)

    def jobs(self, state: Union[None, str, Iterable[str]] = None, tag: Union[None, str, Iterable[str], Mapping[str, str]] = None,
             page: int = 100) -> Iterator[Job]:
        """Jobs in any of the states and with all of the tags ({"sweep": "1"}, or "sweep=1"), ascending by id; asked for by pages."""
        tags = ["{}={}".format(*pair) for pair in tag.items()] if isinstance(tag, Mapping) else _several(tag)
        query = [("state", one) for one in _several(state)] + [("tag", one) for one in tags] + [("limit", str(page))]
        for raw in self._pages("/v1/jobs", query):
            yield Job(raw, self)

    def as_settled(self, jobs: Iterable[Job], timeout: Optional[float] = None) -> Iterator[Job]:
        """Each of the jobs as soon as it is completed, failed, cancelled or parked. `TimedOut` after `timeout` seconds."""
        waiting = {job.id: job for job in jobs}
        deadline = None if timeout is None else clock.monotonic() + timeout
        seq = self._last_seq()
        look = list(waiting)
        while True:
            for name in look:
                if waiting[name].refresh().settled:
                    yield waiting.pop(name)
            if not waiting:
                return
            left = _LONG_POLL if deadline is None else deadline - clock.monotonic()
            if left <= 0:
                raise TimedOut("wait_timed_out", "{} jobs are not settled yet".format(len(waiting)), "They go on.")
            items, seq = self._events_page(seq, None, left)
            named = {item.get("job") for item in items}
            look = [name for name in waiting if name in named] if items else list(waiting)

    # The rest of the API.

    def events(self, after: Union[int, str] = "now", job: Optional[str] = None, timeout: Optional[float] = None) -> Iterator[Event]:
        """What happens, as it happens, also over a restart of the daemon. `after`: the `seq` of the last one that you have seen, 0 for
        all that there are, "now" for those from this call on. Ends after `timeout` seconds, else never."""
        seq = self._last_seq() if after == "now" else int(after)
        return self._events(seq, job, timeout)

    def status(self) -> Status:
        return Status(self._json("GET", "/v1/status"))

    def stats(self) -> Stats:
        return Stats(self._json("GET", "/v1/stats"))

    def nodes(self) -> List[Node]:
        return [Node(raw) for raw in self._pages("/v1/nodes")]

    def coordinators(self) -> List[Coordinator]:
        return [Coordinator(raw) for raw in self._pages("/v1/coordinators")]

    def prune(self, job: Optional[str] = None, dry_run: bool = False) -> List[Pruned]:
        """Removes what the policies need no more; tells what and why. `dry_run`: tells only."""
        body = {"dry_run": dry_run}  # type: Dict[str, Any]
        if job is not None:
            body["job"] = str(getattr(job, "id", job))
        return [Pruned(raw) for raw in self._post("/v1/prune", body=body)[1]["items"]]

    # Inside; Job and Generation use these.

    @staticmethod
    def _job_path(selector: str, *rest: str) -> str:
        return "/".join(["/v1/jobs", _http.segment(selector)] + [_http.segment(one) for one in rest])

    def _call(self, method: str, path: str, query: _http.Query = ()) -> _http.Response:
        return self._transport.call(method, path, query)

    def _json(self, method: str, path: str, query: _http.Query = (), body: Any = None, wait: float = 0) -> Any:
        return self._transport.json(method, path, query, body, wait)[1]

    def _post(self, path: str, wait: int = 0, query: _http.Query = (), body: Any = None) -> Tuple[int, Any]:
        """(HTTP status, JSON). With `wait` seconds of the daemon's patience, where it has any left."""
        if wait > 0:
            try:
                return self._transport.json("POST", path, list(query) + [("wait", str(wait))], body, wait)
            except CkptError as error:
                if error.code != "too_many_waiting":
                    raise
        return self._transport.json("POST", path, query, body)

    def _pages(self, path: str, query: _http.Query = ()) -> Iterator[Dict[str, Any]]:
        after = None  # type: Optional[str]
        while True:
            page = self._json("GET", path, list(query) + ([("after", after)] if after is not None else []))
            for item in page["items"]:
                yield item
            if page.get("next") is None or page["next"] == after:
                return
            after = page["next"]

    def _last_seq(self) -> int:
        return int(self._json("GET", "/v1/events", [("after", "now"), ("limit", "1")])["last_seq"])

    def _events_page(self, after: int, job: Optional[str], wait: float) -> Tuple[List[Dict[str, Any]], int]:
        """(events, seq of the last one); waits for the first for `wait` seconds or half a minute."""
        query = [("after", str(after)), ("limit", "1000")] + ([("job", job)] if job else [])
        seconds = max(1, min(_LONG_POLL, int(wait)))
        try:
            page = self._json("GET", "/v1/events", query + [("wait", str(seconds))], wait=seconds)
        except CkptError as error:
            if error.code != "too_many_waiting":
                raise
            clock.sleep(min(_BUSY_PAUSE, max(0.0, wait)))
            page = self._json("GET", "/v1/events", query)
        return page["items"], int(page["last_seq"])

    def _events(self, seq: int, job: Optional[str], timeout: Optional[float]) -> Iterator[Event]:
        deadline = None if timeout is None else clock.monotonic() + timeout
        while True:
            left = _LONG_POLL if deadline is None else deadline - clock.monotonic()
            if left <= 0:
                return
            items, last = self._events_page(seq, job, left)
            for raw in items:
                yield Event(raw)
            seq = last if items else min(seq, self.status().last_event_seq)  # a registry that was rebuilt counts anew

    def _wait_for(self, job: str, look: Callable[[], Optional[T]], timeout: Optional[float], what: str) -> T:
        """Until `look` returns something; it is asked after each event of the job, and twice a minute."""
        deadline = None if timeout is None else clock.monotonic() + timeout
        seq = self._last_seq()
        while True:
            value = look()
            if value is not None:
                return value
            left = _LONG_POLL if deadline is None else deadline - clock.monotonic()
            if left <= 0:
                raise TimedOut("wait_timed_out", "{} is not {} within {} s".format(job, what, timeout), "It goes on.")
            seq = self._events_page(seq, job, left)[1]

    def _ask_and_wait(self, job: str, ask: Callable[[int], Optional[T]], look: Callable[[], Optional[T]],
                      timeout: Optional[float], what: str) -> T:
        """`ask(seconds)` sends the request and lets the daemon wait; what takes longer is waited for here."""
        begun = clock.monotonic()
        value = ask(_FIRST_WAIT if timeout is None else max(0, min(_FIRST_WAIT, int(timeout))))
        if value is not None:
            return value
        left = None if timeout is None else max(0.0, timeout - (clock.monotonic() - begun))
        return self._wait_for(job, look, left, what)
