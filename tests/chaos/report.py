"""What a campaign prints, and what it keeps when something did not hold."""
import collections
import pathlib
import shutil
import tempfile
import time


class Report:
    def __init__(self, campaign, problems, evidence):
        world = campaign.world
        self.lines = []
        self.failed = [job for job in world.jobs if job.problems]
        self.problems = list(problems) + [f"{job.name} ({job.id}): {problem}" for job in self.failed for problem in job.problems]
        say = self.lines.append
        say(f"{'fault':36} {'times':>5}")
        counts = collections.Counter(name for _, name, _ in campaign.done)
        for name, times in sorted(counts.items()):
            say(f"{name:36} {times:5}")
        never = sorted({kind.name for kind in campaign.kinds} - set(counts))
        if never:
            say(f"not struck this time: {', '.join(never)}")
        attempts = collections.Counter(a.get("end_reason") for job in world.jobs if job.ended for a in job.ended.get("attempts", []))
        say("attempts ended as: " + ", ".join(f"{reason} {times}" for reason, times in attempts.most_common()))
        states = collections.Counter(job.ended["state"] if job.ended else "not over" for job in world.jobs)
        say("jobs: " + ", ".join(f"{times} {state}" for state, times in states.most_common()))
        repeated = sorted(steps for job in world.jobs for steps in getattr(job, "repeated", []))
        if repeated:
            say(f"steps of 0.1 s repeated per restart: median {repeated[len(repeated) // 2]}, most {repeated[-1]}, in {len(repeated)} restarts")
        seconds = time.time() - campaign.began
        say(f"seed {campaign.seed}, engine {campaign.engine}: {len(campaign.done)} faults, {len(world.jobs)} jobs, {seconds:.0f} s: "
            + ("everything held" if not self.problems else f"{len(self.problems)} PROBLEMS"))
        for problem in self.problems:
            say(f"  {problem}")
        if evidence:
            say(f"evidence: {evidence}")

    def __str__(self):
        return "\n".join(self.lines)


def keep_evidence(campaign, jobs):
    """A folder with what the jobs' attempts, Slurm and the daemon wrote."""
    world = campaign.world
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"ckptd-chaos-evidence-{campaign.seed}-", dir="/tmp"))
    (folder / "faults.txt").write_text("".join(f"{at:8.1f} {name}: {what}\n" for at, name, what in campaign.done))
    for job in jobs[:10]:
        if not job.id:
            continue
        kept = folder / job.name
        kept.mkdir()
        times = "".join(f"{time.strftime('%H:%M:%S', time.gmtime(at))} {text}\n" for at, text in job.faults)
        (kept / "story.txt").write_text("\n".join(job.problems) + "\n\n" + times + f"\ndamaged: {job.bad}\n\n" + world.site.evidence(job.id))
        for source, name in ((job.folder, "cwd"), (job.store() / "attempts", "attempts"), (job.store() / "generations", "generations"),
                             (job.store() / "job.jsonl", "job.jsonl")):
            if source.is_dir():
                shutil.copytree(source, kept / name, ignore=shutil.ignore_patterns("images", "criu-hook*"), dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, kept / name)
    for log in [world.site.state / "ckptd.log", world.cluster.dir / "log/slurmctld.log", *world.cluster.dir.glob("spool/*/slurmd.log")]:
        if log.exists():
            shutil.copy(log, folder / (log.parent.name + "-" + log.name))
    return folder
