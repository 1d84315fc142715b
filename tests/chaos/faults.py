"""Faults that hit daemon, runner, program and what one job has in the store. Each is a class: `strike` does it and returns what was done,
or None when there was nothing fit to be hit; `recover`, run some seconds later, puts back what a site would put back."""
import os
import signal
import time

from . import processes


class Fault:
    name = ""
    engines = ("criu", "dmtcp", "app")
    rests = (0, 0)  # seconds until recover(), at least and at most

    def strike(self, world):
        raise NotImplementedError

    def recover(self, world):
        pass


def some(world, fits=lambda job, runner: True):
    """(job, runner) of one that runs and fits, or nothing."""
    candidates = [pair for pair in world.running() if not pair[0].sacrifice and fits(*pair)]
    return world.random.choice(candidates) if candidates else None


class KillRunner(Fault):
    name = "runner killed"

    def strike(self, world):
        hit = some(world)
        if not hit:
            return None
        job, runner = hit
        processes.signal([runner.pid], signal.SIGKILL)
        job.note(self.name)
        return job.name


class KillCoordinator(Fault):
    name, engines = "coordinator killed", ("criu", "dmtcp")

    def strike(self, world):
        hit = some(world, lambda job, runner: runner.coordinators)
        if not hit:
            return None
        job, runner = hit
        processes.signal(runner.coordinators, signal.SIGKILL)
        job.note(self.name)
        return job.name


class KillOneProcess(Fault):
    name = "one process of a tree killed"

    def strike(self, world):
        hit = some(world, lambda job, runner: job.kind.processes > 1 and len(runner.program) > 1)
        if not hit:
            return None
        job, runner = hit
        victim = world.random.choice(runner.program)
        processes.signal([victim], signal.SIGKILL)
        job.note(self.name)
        return f"{job.name}, {runner.program.index(victim) + 1} of {len(runner.program)}"


class KillTree(Fault):
    name = "whole program killed"

    def strike(self, world):
        hit = some(world)
        if not hit:
            return None
        job, runner = hit
        processes.signal(runner.program, signal.SIGKILL)
        job.note(self.name)
        return f"{job.name}, {len(runner.program)} processes"


class StopProgram(Fault):
    name, rests = "program stopped (SIGSTOP)", (1, 12)

    def strike(self, world):
        hit = some(world)
        if not hit:
            return None
        job, self.runner = hit
        processes.signal(self.runner.program, signal.SIGSTOP)
        job.note(self.name)
        return job.name

    def recover(self, world):
        processes.signal(self.runner.program, signal.SIGCONT)


class LoseDoorbell(Fault):
    name, rests = "doorbell lost", (3, 8)

    def strike(self, world):
        hit = some(world)
        if not hit:
            return None
        (world.stage / "no-doorbell").touch()
        world.site.ckpt("checkpoint", "--no-wait", hit[0].id, check=False)
        return hit[0].name

    def recover(self, world):
        (world.stage / "no-doorbell").unlink(missing_ok=True)


class Damage(Fault):
    """What lies of the newest generation is damaged and the program killed, so that it has to be noticed now. Only while another good one
    is there: without any, nobody can go on."""

    def strike(self, world):
        if world.store_away.locked():  # we would wait for the store, or could not write to it
            return None
        for job, runner in sorted(world.running(), key=lambda _: world.random.random()):
            sealed = job.manifests()
            good = sorted((g for g in sealed if g not in job.bad), key=lambda g: int(g[1:]))
            if job.sacrifice or len(good) < 2 or not self.do(world, job, good[-1], sealed[good[-1]]):
                continue
            job.bad[good[-1]] = time.time()
            job.note(f"{self.name} of {good[-1]}")
            processes.signal(runner.program, signal.SIGKILL)
            return f"{job.name} {good[-1]}"
        return None

    def image(self, world, job, manifest):
        """The largest image, in whichever form it has."""
        image = max(manifest["images"], key=lambda image: image.get("raw_bytes", 0))
        for suffix in ("", ".zst"):
            path = job.store() / (image["path"] + suffix)
            if path.exists() and path.stat().st_size > 0:
                return path
        return None

    def do(self, world, job, generation, manifest):
        path = self.image(world, job, manifest)
        try:
            return path is not None and self.spoil(world, path)
        except FileNotFoundError:  # packed or pruned in this instant
            return False


class TruncateImage(Damage):
    name = "image truncated"

    def spoil(self, world, path):
        os.truncate(path, world.random.randrange(path.stat().st_size))
        return True


class FlipByte(Damage):
    name = "byte of an image flipped"

    def spoil(self, world, path):
        with open(path, "r+b") as image:
            image.seek(world.random.randrange(path.stat().st_size))
            byte = image.read(1)
            image.seek(-1, os.SEEK_CUR)
            image.write(bytes([byte[0] ^ (1 << world.random.randrange(8))]))
        return True


class RemoveImage(Damage):
    name = "image removed"

    def spoil(self, world, path):
        path.unlink()
        return True


class RemoveManifest(Damage):
    name = "manifest removed"

    def do(self, world, job, generation, manifest):
        (job.store() / "generations" / generation / "manifest.json").unlink(missing_ok=True)
        return True
