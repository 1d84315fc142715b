"""Faults of the cluster, and what people do with Slurm's own commands behind our back."""
import os
import signal
import time

from .faults import Fault, some
from . import jobs, processes


class Infrastructure(Fault):
    """One at a time: a site that loses everything at once is a site that is down."""

    def strike(self, world):
        if not world.infrastructure.acquire(blocking=False):
            return None
        try:
            return self.take_away(world)
        except BaseException:
            world.infrastructure.release()
            raise

    def recover(self, world):
        try:
            self.give_back(world)
        finally:
            world.infrastructure.release()


class SlurmdDown(Infrastructure):
    """Its jobs live on; after ten seconds Slurm gives the node up and starts them elsewhere: two runners of one job."""
    name, rests = "slurmd killed", (2, 30)

    def take_away(self, world):
        self.node = world.random.choice(world.cluster.node_names)
        world.cluster.stop_slurmd(self.node)
        return self.node

    def give_back(self, world):
        world.cluster.start_node(self.node)


class NodeCrash(Infrastructure):
    name, rests = "node crashed", (1, 20)

    def take_away(self, world):
        self.node = world.random.choice(world.cluster.node_names)
        world.cluster.crash_node(self.node)
        return self.node

    def give_back(self, world):
        world.cluster.start_node(self.node)


class NodeCutOff(Infrastructure):
    """Its cable is out, while the store is still there (another network). Slurm starts its jobs elsewhere; programs and runners live on."""
    name, rests = "node cut off", (5, 45)

    def take_away(self, world):
        self.node = world.random.choice(world.cluster.node_names)
        world.cluster.network.cut(self.node)
        return self.node

    def give_back(self, world):
        world.cluster.network.mend(self.node)


class ControllerDown(Infrastructure):
    name, rests = "slurmctld away", (1, 20)

    def take_away(self, world):
        self.killed = world.random.random() < 0.5
        if self.killed:  # without its state of the last second
            processes.signal([world.cluster.pids["slurmctld"]["pid"]], signal.SIGKILL)
        world.cluster.stop_controller()
        return "killed" if self.killed else "stopped"

    def give_back(self, world):
        world.cluster.start_controller()


class Preemption(Fault):
    name = "preemption"

    def strike(self, world):
        hit = some(world)
        node = hit and world.node_of(hit[0])
        if not node:
            return None
        done = world.site.run("sbatch", "-p", "high", "-c", "8", "-w", node[1], "-o", "/dev/null", "-J", "urgent", "--wrap", "sleep 2")
        hit[0].note(self.name)
        return f"{hit[0].name} on {node[1]}" if done.returncode == 0 else None


class Requeue(Fault):
    name = "scontrol requeue"

    def strike(self, world):
        hit = some(world)
        node = hit and world.node_of(hit[0])
        if not node or world.site.run("scontrol", "requeue", node[0]).returncode != 0:
            return None
        hit[0].note(self.name)
        return hit[0].name


class RequeueAtCheckpoint(Fault):
    name = "scontrol requeue in a checkpoint"

    def strike(self, world):
        hit = some(world)
        node = hit and world.node_of(hit[0])
        if not node or world.site.ckpt("checkpoint", "--no-wait", hit[0].id, check=False).returncode != 0:
            return None
        time.sleep(world.random.uniform(0, 0.6))
        if world.site.run("scontrol", "requeue", node[0]).returncode != 0:
            return None
        hit[0].note(self.name)
        return hit[0].name


class LimitCut(Fault):
    """An administrator shortens the limit: what is left is less than a minute."""
    name = "time limit cut"

    def strike(self, world):
        hit = some(world, lambda job, runner: job.minutes > 1)
        node = hit and world.node_of(hit[0])
        if not node or world.cluster.run("scontrol", "update", f"jobid={node[0]}", "TimeLimit=1").returncode != 0:
            return None
        hit[0].note(self.name)
        return hit[0].name


class Cancel(Fault):
    """Of a job that is there for it: final is final."""
    name = "scancel"

    def strike(self, world):
        waiting = [pair for pair in world.running() if pair[0].sacrifice]
        if not waiting:
            if not [job for job in world.unfinished() if job.sacrifice]:
                job = jobs.Job(world.site, world.random.choice(jobs.KINDS), world.engine, 10 * world.steps, sacrifice=True)
                world.jobs.append(job)
            return None
        job, _ = waiting[0]
        node = world.node_of(job)
        if not node or world.site.run("/usr/bin/scancel", node[0]).returncode != 0:
            return None
        job.cancelled = True
        job.note(self.name)
        return job.name


class StartedByHand(Fault):
    """The same batch script once more, as its owner might type it."""
    name = "batch.sh submitted by hand"

    def strike(self, world):
        hit = some(world)
        scripts = sorted(hit[0].store().glob("submissions/*/batch.sh"), key=os.path.getmtime) if hit else []
        if not scripts:
            return None
        done = world.site.run("sbatch", "-o", "/dev/null", "-J", "by-hand", scripts[-1])
        hit[0].note(self.name)
        return hit[0].name if done.returncode == 0 else None
