"""What must hold of a job when it is over, and of the place when all are."""
import calendar
import json
import os
import pathlib
import time

from usersite import wait_until

from . import jobs, processes

SLACK = 0.4  # seconds between reading a clock in the program and its freeze being noted


def seconds_of(text):
    """RFC 3339 in UTC."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (rest or "0"))


def check_job(world, job):
    """Fills job.problems."""
    say = job.problems.append
    if job.sacrifice:
        wanted = "cancelled" if job.cancelled else job.ended["state"]
    else:
        wanted = "completed" if job.kind.status == 0 else "failed"
    if job.ended["state"] != wanted:
        say(f"is {job.ended['state']} ({job.ended['reason']}), not {wanted}")
    if not job.sacrifice and job.ended["state"] == wanted:
        if job.ended["exit_code"] != job.kind.status:
            say(f"ended with {job.ended['exit_code']}, not {job.kind.status}")
        for file, content in world.references.of(job).items():
            if jobs.digest(job.folder / file) != content:
                say(f"{file} is not that of an undisturbed run")
    check_record(world, job, say)
    check_agreement(world, job, say)


def check_record(world, job, say):
    """Never two at once; and what is repeated after a fault was done after the freeze of the newest good generation."""
    beats = job.beats()
    for first, second in beats.overlaps():
        say(f"ran twice at once: {first} and {second}")
    shown = world.site.ckpt("gens", job.id, "--json", check=False)
    sealed = [g for g in json.loads(shown.stdout)["items"] if g.get("sealed_at") and g.get("frozen_at")] if shown.returncode == 0 else []
    if shown.returncode != 0:
        say(f"its generations cannot be listed: {shown.stderr}")
    sealed = [g for g in sealed if not world.stepped(seconds_of(g["frozen_at"])) and not world.stepped(seconds_of(g["sealed_at"]))]
    job.repeated = []
    runs = beats.incarnations()
    for before, run in zip(runs, runs[1:]):
        began, first_step = run[0], run[2]
        done = beats.step_at(began - 1e-6)
        good = [g for g in sealed if seconds_of(g["sealed_at"]) < before[1] and not (g["id"] in job.bad and job.bad[g["id"]] < began)]
        frozen = max((seconds_of(g["frozen_at"]) for g in good), default=0)
        owed = beats.step_at(frozen - SLACK)  # the step begun last before that freeze
        job.repeated.append(max(0, done - first_step))
        if first_step < owed:
            say(f"the run at {began:.1f} began with step {first_step}, though step {owed} was frozen at {frozen:.1f}")


def check_agreement(world, job, say):
    """Registry and store say the same about the job's generations, and no image is there that nobody knows."""
    def differing():
        shown = world.site.ckpt("gens", job.id, "--json", check=False)
        rows = {row["id"] for row in json.loads(shown.stdout)["items"] if row["state"] == "sealed"} if shown.returncode == 0 else None
        on_disk = {id for id in job.manifests() if not (job.store() / "generations" / id / "corrupt").exists()}
        return None if rows is None or rows - set(job.bad) == on_disk - set(job.bad) else f"sealed by the registry {sorted(rows)}, by the store {sorted(on_disk)}"
    try:  # the daemon's last look at a job comes half a minute after its end
        wait_until(lambda: differing() is None, max(1, 45 - (time.time() - job.seen_over_at)), "agreement", step=1)
    except AssertionError:
        say(differing() or "registry and store did not agree for a while")
    listed = {image["path"] for manifest in job.manifests().values() for image in manifest["images"]}
    strangers = [path for path in files_below(job.store() / "attempts")
                 if "/images/" in path and not any(known in path for known in listed) and "dmtcp_restart_script" not in path]
    # A job that did not end by itself keeps what its last attempt was writing: the next one would look at it.
    if strangers and job.ended["state"] in ("completed",):
        say(f"images that no generation lists: {strangers[:4]} ({len(strangers)})")


def files_below(folder):
    return [str(pathlib.Path(at) / name) for at, _, names in os.walk(folder) for name in names]


def check_place(world):
    """After the last job: problems as a list of texts."""
    problems = []
    try:
        wait_until(lambda: not [line for line in world.slurm_jobs() if "urgent" not in line], 60, "Slurm's queue is empty", step=1)
    except AssertionError:
        problems.append(f"left in Slurm: {world.slurm_jobs()}")
    try:  # the daemon's last look at a job comes half a minute after its end
        wait_until(lambda: not temporary_files(world), 60, "no temporary file is left", step=1)
    except AssertionError:
        left = temporary_files(world)
        problems.append(f"temporary files left: {left[:6]} ({len(left)})")
    world.site.ckpt("daemon", "stop", check=False)
    try:
        wait_until(lambda: not world.site.processes(), 40, "no process is left", step=0.5)
    except AssertionError:
        problems.append(f"processes left: {world.site.processes()}")
    return problems


def temporary_files(world):
    return [path for root in (world.site.store, world.site.state) for path in files_below(root)
            if path.endswith(".tmp") and not path.endswith("criu.kdat.tmp")]
