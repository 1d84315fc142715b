"""Faults of the daemon: killed, its registry damaged, a second one beside it, its clock and that of the nodes."""
import os
import subprocess

from .faults import Fault


class KillDaemon(Fault):
    name, rests = "ckptd killed", (0, 8)

    def strike(self, world):
        if not world.daemon_away.acquire(blocking=False):
            return None
        world.kill_daemon()
        return self.more(world) or "SIGKILL"

    def more(self, world):
        """What else happens while it is dead."""

    def recover(self, world):
        try:
            world.restart_daemon()
        finally:
            world.daemon_away.release()


class DamageRegistry(KillDaemon):
    """The daemon is killed and finds at its next start what a dying disk or a helpful person has left of its registry."""

    def more(self, world):
        registry = world.site.state / "registry.db"
        if not registry.exists():
            return "there was none"
        return self.spoil(world, registry)


class TruncateRegistry(DamageRegistry):
    name = "registry truncated"

    def spoil(self, world, registry):
        length = world.random.randrange(registry.stat().st_size)
        os.truncate(registry, length)
        return f"to {length} bytes"


class RemoveRegistry(DamageRegistry):
    name = "registry removed"

    def spoil(self, world, registry):
        for file in registry.parent.glob("registry.db*"):
            file.unlink()
        return "with its log"


class SpoilRegistry(DamageRegistry):
    name = "registry overwritten"

    def spoil(self, world, registry):
        """A few pages, anywhere, as other data."""
        size = registry.stat().st_size
        with open(registry, "r+b") as file:
            for _ in range(3):
                file.seek(world.random.randrange(max(1, size // 4096)) * 4096)
                file.write(world.random.randbytes(4096))
        return "three pages"


class SecondDaemon(Fault):
    """Another ckptd with the same state folder, on this host or on one of the nodes: it must see the first one and leave."""
    name, rests = "second daemon", (6, 12)

    def strike(self, world):
        if not world.daemon_away.acquire(blocking=False):
            return None
        inits = {name: who["pid"] for name, who in world.cluster.pids.items() if name.endswith(".init")}
        self.first = world.site.daemon_pid()
        place = world.random.choice(["here", *sorted(inits)])
        around = [] if place == "here" else ["nsenter", "-t", str(inits[place]), "-m", "-u", "-p"]
        account = world.site.account
        self.other = subprocess.Popen([*around, "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
                                       world.site.bin / "ckptd", "--foreground"], env=world.site.env, cwd=world.site.work,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return place

    def recover(self, world):
        try:
            there = world.site.daemon_pid()
            if self.other.poll() == 0:
                world.problems.append("a second daemon ended with 0")
            if there != self.first or self.first not in world.site.processes():
                world.problems.append(f"a second daemon took over from a living one: {self.first}, then {there}")
            self.other.kill()
            self.other.wait(20)
        finally:
            world.daemon_away.release()


class StepClock(Fault):
    """The clock of one node, or of the daemon's host, is set: as ckptd and ckpt-runner see it (programs/clock.c); Slurm, the program and the kernel
    keep theirs."""
    name, rests = "clock step", (3, 20)

    def strike(self, world):
        if not world.clock.acquire(blocking=False):
            return None
        self.file = world.random.choice(sorted(world.clocks.iterdir()))
        self.offset = world.random.choice([-1, 1]) * world.random.choice([5, 60, 3600, 40 * 86400])
        world.set_clock(self.file, self.offset)
        return f"{self.file.name} by {self.offset} s"

    def recover(self, world):
        world.set_clock(self.file, 0)
        world.clock.release()
