"""A campaign: faults in a random order that a seed gives, while jobs run; then everything is looked at."""
import json
import random
import shutil
import threading
import time
import traceback

from usersite import wait_until

from . import checker, daemon_faults, faults, report, slurm_faults, store_faults
from .world import World

KINDS = [
    daemon_faults.KillDaemon, daemon_faults.TruncateRegistry, daemon_faults.RemoveRegistry, daemon_faults.SpoilRegistry,
    daemon_faults.SecondDaemon, daemon_faults.StepClock,
    faults.KillRunner, faults.KillCoordinator, faults.KillOneProcess, faults.KillTree, faults.StopProgram, faults.LoseDoorbell,
    store_faults.DiskFull, store_faults.StoreReadOnly, store_faults.StoreHangs,
    faults.TruncateImage, faults.FlipByte, faults.RemoveImage, faults.RemoveManifest,
    slurm_faults.SlurmdDown, slurm_faults.NodeCrash, slurm_faults.NodeCutOff, slurm_faults.ControllerDown, slurm_faults.Preemption,
    slurm_faults.Requeue, slurm_faults.RequeueAtCheckpoint, slurm_faults.LimitCut, slurm_faults.Cancel, slurm_faults.StartedByHand,
]
TRIES = 15  # for a fault that finds nothing fit to be hit; then another one has its turn


class Campaign:
    """`gap`: mean seconds between two faults. `kinds`: names (or parts of them) of the faults to choose from; nothing: all."""

    def __init__(self, bin_dir, engine, env, seed, count, gap=3.0, work_seconds=45, live=12, kinds=(), log=print):
        self.random = random.Random(f"{seed} faults")
        self.seed, self.count, self.gap, self.engine = seed, count, gap, engine
        self.kinds = [kind for kind in KINDS if engine in kind.engines and (not kinds or any(word in kind.name for word in kinds))]
        self.began = time.time()
        self.plain_log = log
        self.done = []  # (seconds, name, what)
        self.recoveries = []
        self.world = World(bin_dir, engine, env, seed, work_seconds, live, self.log)

    def log(self, text):
        self.plain_log(f"[{time.time() - self.began:6.1f} s] {text}")

    # --- the way through
    def run(self):
        """Returns the report; its `problems` are empty when everything held."""
        try:
            self.inject()
            self.finish()
            return self.look_at_everything()
        except Exception:
            self.log(traceback.format_exc())
            return self.look_at_everything(given_up=traceback.format_exc().splitlines()[-1])
        finally:
            self.over = True

    def inject(self):
        order = []
        while len(self.done) < self.count:
            if not order:  # every kind once, in a new order each round
                order = self.random.sample(self.kinds, len(self.kinds))
            self.wait(self.random.expovariate(1 / self.gap))
            self.strike(order.pop()())

    def strike(self, fault):
        for _ in range(TRIES):
            what = fault.strike(self.world)
            if what is not None:
                break
            self.wait(1)
        else:
            return
        self.done.append((time.time() - self.began, fault.name, what))
        self.log(f"fault {len(self.done)}: {fault.name}: {what}")
        rest = self.random.uniform(*fault.rests)
        thread = threading.Thread(target=self.recover, args=(fault, rest), daemon=True)
        self.recoveries.append(thread)
        thread.start()

    def recover(self, fault, rest):
        time.sleep(rest)
        try:
            fault.recover(self.world)
        except Exception:
            self.log(f"recovery from {fault.name}: {traceback.format_exc()}")

    def wait(self, seconds):
        """Lets time pass; jobs that are over are replaced."""
        end = time.monotonic() + seconds
        while True:
            self.world.top_up()
            self.world.look()
            self.retire()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(0.5, left))

    def retire(self):
        """One that failed as it should keeps its generations: once it was found right, it is removed as its user would do it, before
        such jobs fill the disk. What is not right yet has its turn again, and the last word at the end."""
        for job in self.world.jobs:
            if job.ended and not job.retired and job.ended["state"] != "completed" and time.time() - job.seen_over_at > 45:
                job.seen_over_at = time.time()
                if not self.right(job):
                    continue
                removed = self.world.site.ckpt("rm", job.id, check=False)
                job.retired = removed.returncode == 0
                if not job.retired:
                    job.note(f"rm: {removed.stderr.strip()}")
                return  # the faults wait meanwhile

    def right(self, job):
        try:
            checker.check_job(self.world, job)
            return not job.problems
        except Exception:  # the daemon, the store or a program of ours is away just now
            return False
        finally:
            job.problems = []

    def finish(self):
        for thread in self.recoveries:
            thread.join(90 + store_faults.StoreHangs.rests[1])
        self.world.heal()
        self.log(f"{len(self.done)} faults done; {len(self.world.unfinished())} jobs are still on their way")
        for job in self.world.unfinished():
            if job.id is None:
                wait_until(job.submit, 60, f"{job.name} is accepted")
            if job.sacrifice and not job.cancelled:
                self.world.site.ckpt("cancel", "--no-wait", job.id, check=False)
                job.cancelled = True
                job.note("cancelled")
        def all_over():
            self.world.look()
            self.cancel_again()
            return not self.world.unfinished()
        wait_until(all_over, 420, "all jobs are over", step=1)

    def cancel_again(self):
        """A controller that was killed in the second of a scancel has forgotten it; people repeat it then."""
        for job in self.world.unfinished():
            if job.cancelled and time.time() - job.faults[-1][0] > 20:
                job.note("scancel again")
                self.world.site.run("/usr/bin/scancel", "-n", job.name)

    def look_at_everything(self, given_up=None):
        problems = ([given_up] if given_up else []) + self.world.problems
        for job in self.world.jobs:
            if job.retired:
                left = checker.files_below(job.store())
                if left:
                    job.problems.append(f"was removed and has left {left[:4]}")
            elif job.ended:
                try:
                    checker.check_job(self.world, job)
                except Exception:
                    job.problems.append(traceback.format_exc())
            else:
                job.problems.append("did not come to its end")
        kept = [job for job in self.world.jobs if job.problems]
        evidence = report.keep_evidence(self, kept) if kept or problems else None
        place = checker.check_place(self.world)
        if place and not evidence:
            evidence = report.keep_evidence(self, [])
        return report.Report(self, problems + place, evidence)

    def close(self):
        self.world.close()
