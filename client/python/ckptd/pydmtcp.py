"""`python -m ckptd.pydmtcp`: pyDMTCP's flags, carried out by ckptd.

    python -m ckptd.pydmtcp --start "lulesh2.0 -i 50 -s 200" --compress True --overwrite True --rollback 1
    python -m ckptd.pydmtcp --stop 100685
    python -m ckptd.pydmtcp --restart 100685
"""
import argparse
import os
import shlex
import sys
import time
from typing import Any, Dict, List, Optional

from .client import Client
from .errors import CkptError, TimedOut, Usage
from .job import Job

_NUMBER = 3.0  # seconds for the scheduler to give one
_RUNS = 600.0  # seconds for a test's job to be started


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise argparse.ArgumentTypeError("write True or False")
    return word in ("true", "1", "yes")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("write a number from 1 on")
    return int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m ckptd.pydmtcp", description="pyDMTCP's flags, carried out by ckptd.",
                                   allow_abbrev=False)
    action = made.add_mutually_exclusive_group(required=True)
    action.add_argument("--start", metavar="APP", help="program to run, with its arguments in the same word or behind --")
    action.add_argument("--stop", metavar="JOB", help="checkpoint this job and free its allocation (Slurm id, j-7 or name)")
    action.add_argument("--restart", metavar="JOB", help="go on with this job from its newest checkpoint")
    action.add_argument("--test_restart", metavar="APP", help="start, checkpoint, stop, restart")
    made.add_argument("--compress", type=_truth, metavar="True|False", help="compress checkpoints")
    made.add_argument("--overwrite", type=_truth, metavar="True|False", help="True: only the newest checkpoint is kept")
    made.add_argument("--rollback", type=_positive, metavar="N", help="number of checkpoints kept to go back to")
    made.add_argument("--interval", type=_positive, metavar="SECONDS", help="between checkpoints (ckptd's own choice: from 30 minutes on)")
    made.add_argument("--nodes", type=_positive, metavar="N", help="number of nodes")
    made.add_argument("--move", metavar="NODE", help="with --restart: on this node")
    made.add_argument("--sbatch-arg", action="append", default=[], metavar="OPTION", help="any option of sbatch: --sbatch-arg=--partition=long")
    return made


def wishes(given: argparse.Namespace) -> Dict[str, Any]:
    """The policy that the flags mean. A checkpoint that is being written never takes the place of the last one before it is whole."""
    out = {}  # type: Dict[str, Any]
    if given.compress is not None:
        out["compress"] = "zstd" if given.compress else "none"
    if given.rollback is not None:
        out["keep"] = given.rollback
    if given.overwrite is not None:
        out["keep"] = max(out.get("keep", 0), 1 if given.overwrite else 2)
    if given.interval is not None:
        out["every"] = float(given.interval)
    return out


def program(text: str, more: List[str]) -> List[str]:
    """Words of a command; a file of this folder needs no ./ before it."""
    words = shlex.split(text) + more
    if not words:
        raise Usage("usage", "--start names no program")
    if "/" not in words[0] and os.access(words[0], os.X_OK) and os.path.isfile(words[0]):
        words[0] = "./" + words[0]
    return words


def _options(given: argparse.Namespace) -> List[str]:
    nodes = ["--nodes={}".format(given.nodes)] if given.nodes else []
    place = ["--nodelist=" + given.move] if given.move else []
    more = given.sbatch_arg  # type: List[str]
    return nodes + place + more


def number_of(job: Job) -> str:
    """What people look for in squeue, as soon as it is known; our own id for a job on this machine."""
    end = time.monotonic() + _NUMBER
    while job.scheduler == "slurm":
        attempt = job.current_attempt
        if attempt and attempt.scheduler_job_id:
            return attempt.scheduler_job_id
        if time.monotonic() >= end:
            break
        time.sleep(0.1)
        job.refresh()
    return job.id


def _until_running(job: Job, attempts: int) -> None:
    end = time.monotonic() + _RUNS
    while not (job.refresh().state == "running" and job.attempts_count >= attempts):
        if job.settled:
            raise CkptError("not_running", "{} is {}: {}".format(job.id, job.state, job.reason))
        if time.monotonic() >= end:
            raise TimedOut("wait_timed_out", "{} was not started within {:.0f} s".format(job.id, _RUNS), "It waits on.")
        time.sleep(0.3)


def start(client: Client, given: argparse.Namespace, text: str, more: List[str]) -> Job:
    job = client.submit(program(text, more), sbatch_args=_options(given), **wishes(given))
    print("Starting job: " + number_of(job), flush=True)
    return job


def stop(client: Client, selector: str) -> Job:
    job = client.job(selector)
    print("Stopping job: " + selector, flush=True)
    return job.stop()


def restart(client: Client, given: argparse.Namespace, selector: str) -> Job:
    job = client.job(selector).restart(sbatch_args=_options(given), **wishes(given))
    print("Restarting job: " + number_of(job), flush=True)
    return job


def run(given: argparse.Namespace, more: List[str], client: Client) -> None:
    if given.move and not given.restart:
        raise Usage("usage", "--move needs --restart JOB")
    if more and not (given.start or given.test_restart):
        raise Usage("usage", "arguments behind -- are those of a program: --start APP -- ARGS")
    if given.start:
        start(client, given, given.start, more)
    elif given.stop:
        stop(client, given.stop)
    elif given.restart:
        restart(client, given, given.restart)
    else:
        job = start(client, given, given.test_restart, more)
        _until_running(job, 1)
        stop(client, job.id)
        restart(client, given, job.id)
        _until_running(job, 2)
        origin = job.current_attempt.started_from if job.current_attempt else None
        print("Restarted from: " + (origin.generation if origin else "the beginning"), flush=True)


def main(argv: Optional[List[str]] = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    at = words.index("--") if "--" in words else len(words)
    try:
        run(parser().parse_args(words[:at]), words[at + 1:], Client())
    except CkptError as error:
        print("pydmtcp: " + error.detail, file=sys.stderr)
        if error.advice:
            print("  " + error.advice, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
