"""Checkpoints that a running program asks for itself."""
import os
import time
from typing import NamedTuple, Optional

from ._folder import OLD_EPOCH, JobFolder
from ._values import decode_text
from .client import Client
from .errors import CkptError, Conflict, Failed, NoDaemon, TimedOut, Usage
from .job import Job
from .views import Generation

HereResult = NamedTuple("HereResult", [("job", str), ("generation", Optional[str]), ("attempt", int), ("restarted", bool)])
HereResult.__doc__ = """What `checkpoint_here` returns.

job: its id. generation: the one that was sealed or, when restarted, that was gone back to; None if not known (`wait=False`).
attempt: the number of the run that we are in now. restarted: this is a copy that was restored from a checkpoint.
"""

_VALID = 3600.0  # seconds for which the runner may still carry out an order
_PAUSE = 0.5
_STARTED = 10.0  # seconds for the daemon to hear of it
_TRIES = 3


def in_job() -> bool:
    """Whether this process was started by ckptd (`ckpt submit`, `ckpt run`, `ckpt sbatch`)."""
    return bool(os.environ.get("CKPT_JOB"))


def checkpoint_here(wait: bool = True, timeout: Optional[float] = None) -> HereResult:
    """Takes a checkpoint of the job that this process belongs to; for programs and notebooks that were started by ckptd.

    With `wait` it returns when the checkpoint is sealed. It returns again, with `restarted=True`, in each copy of the program that is
    restored from a checkpoint that was taken meanwhile. Works with the daemon away and on any node, through the job's folder.

    `Usage` outside of a job, `Failed` with the reason when none could be taken (the program goes on), `TimedOut` after `timeout`
    seconds (it may still come), `NoDaemon` when neither the job's folder nor the daemon can be reached.
    """
    job = os.environ.get("CKPT_JOB", "")
    if not job or not os.environ.get("CKPT_RUN"):
        raise Usage("not_in_a_job", "this program does not run under ckptd", "Start it with `ckpt submit -- PROGRAM` or `ckpt run -- PROGRAM`.")
    folder = JobFolder.of(os.environ)
    if folder is None:
        return _by_daemon(job, wait, timeout)
    job = os.path.basename(folder.path)  # of a fork another one than the environment says
    for left in range(_TRIES - 1, -1, -1):
        attempt = folder.our_attempt()
        generation = folder.next_generation()
        valid = _VALID if timeout is None else timeout + 1
        order = folder.order_checkpoint(attempt, valid, "the program asked for it")
        if not wait:
            return HereResult(job, None, attempt, False)
        try:
            answer = folder.wait(attempt, order, generation, timeout)
            return HereResult(job, answer.generation or None, answer.attempt, answer.restarted)
        except Failed as error:
            if error.code != "order_refused" or not left:
                raise  # a daemon gave an order in between; ours can only be repeated
    raise AssertionError(OLD_EPOCH)


def _by_daemon(job: str, wait: bool, timeout: Optional[float]) -> HereResult:
    """Where the store is not to be seen (a container). Each question is a short connection: one that is open at the freeze can make
    CRIU refuse the checkpoint, which the runner then takes again."""
    path = os.environ["CKPT_RUN"].rpartition("#")[0]
    try:
        client = Client(autostart=False, retry_for=0)
        store = decode_text(client.status().store["path"])
    except CkptError as error:
        raise NoDaemon("job_out_of_reach", "neither the job's folder {} nor the daemon can be reached from here: {}".format(path, error.detail),
                       "Make the store visible to the program (in a container: bind it).") from error
    if os.path.dirname(os.path.dirname(path)) != os.path.normpath(store):
        raise NoDaemon("job_out_of_reach", "the job's folder {} cannot be seen from here, and the daemon on this host has another store".format(path),
                       "Make the store visible to the program (in a container: bind it).")
    mine = client.job(job)
    asked = _asked(mine)
    before = asked.attempt or 1
    if not wait:
        return HereResult(job, asked.id, before, False)
    begun = time.monotonic()
    while True:
        try:
            attempt = mine.refresh().current_attempt
            if attempt and attempt.n > before:  # before any look at the clock: it is another host's
                origin = attempt.started_from
                return HereResult(job, origin.generation if origin else None, attempt.n, True)
            if asked.refresh().sealed:
                return HereResult(job, asked.id, before, False)
            if asked.state in ("failed", "corrupt"):
                raise Failed("checkpoint_failed", "{} failed: {}".format(asked.id, asked.reason), "The program goes on.")
            if mine.settled:
                raise Conflict("attempt_over", "{} is {}".format(job, mine.state))
        except NoDaemon:
            pass  # it restarts, or this copy is on another host: then the time limit tells
        if timeout is not None and time.monotonic() - begun >= timeout:
            raise TimedOut("wait_timed_out", "no checkpoint was sealed within {} s".format(timeout), "It may still come.")
        time.sleep(_PAUSE)


def _asked(mine: Job) -> Generation:
    """Asks the daemon for a checkpoint. It reads of a start a second late: so what it says of that is not taken at its word."""
    begun = time.monotonic()
    query = "program"  # type: Optional[str]
    while True:
        try:
            return mine.checkpoint(wait=False, trigger=query)
        except Usage as error:
            if error.code != "invalid_parameter" or query is None:
                raise
            query = None  # an older daemon
        except Conflict as error:
            if error.code != "not_running" or time.monotonic() - begun >= _STARTED:
                raise
            time.sleep(_PAUSE)
