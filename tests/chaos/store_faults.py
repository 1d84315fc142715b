"""Faults of the store's file system. It is an ext4 of the campaign's own, on a loop device in memory: it can be filled, frozen, and covered
by a read-only mount in every namespace."""
import os
import subprocess
import time

from . import processes
from .faults import Fault

UNFROZEN = set("RSI")  # a thread that waits for the disk (D) cannot be stopped, and does nothing either


class StoreFault(Fault):
    """One at a time. `others`: what must not be away meanwhile, or be taken away."""
    others = ()

    def strike(self, world):
        self.held = []
        for lock in (world.store_away, *(getattr(world, name) for name in self.others)):
            if not lock.acquire(blocking=False):
                self.release()
                return None
            self.held.append(lock)
        try:
            return self.take_away(world)
        except BaseException:
            self.release()
            raise

    def recover(self, world):
        try:
            self.give_back(world)
        finally:
            self.release()

    def release(self):
        while self.held:
            self.held.pop().release()


class DiskFull(StoreFault):
    """The store's filesystem has no room, for shorter or longer than a lease lasts."""
    name, rests = "disk full", (1, 12)

    def take_away(self, world):
        left = world.random.choice([0, 1 << 20, 20 << 20])
        with open(world.disk / "filler", "wb") as file:
            while True:  # jobs write meanwhile
                space = os.statvfs(world.disk)
                try:
                    os.posix_fallocate(file.fileno(), 0, max(1, space.f_bavail * space.f_frsize - left))
                    return f"{left >> 20} MB are left"
                except OSError:
                    continue

    def give_back(self, world):
        (world.disk / "filler").unlink(missing_ok=True)


class StoreHangs(StoreFault):
    """Nothing that is written comes back, as with an NFS server that is away. Whoever writes cannot even be killed. Programs must be stopped
    by their runners before another attempt might take over, and run on afterwards."""
    name, rests = "store hangs", (4, 45)

    others = ("infrastructure", "daemon_away")  # what writes cannot be killed: neither daemon nor node could be taken down

    def take_away(self, world):
        world.store_hangs = True
        subprocess.run(["fsfreeze", "-f", world.disk], check=True)
        self.began = time.monotonic()
        return "frozen"

    def give_back(self, world):
        running = self.unfrozen(world) if time.monotonic() - self.began > 2 * world.lease + 4 else {}
        if running:
            time.sleep(3)
            again = self.unfrozen(world)
            for pid in running.keys() & again.keys():
                world.problems.append(f"the store had not answered for {time.monotonic() - self.began:.0f} s, and {running[pid]} was not stopped")
        subprocess.run(["fsfreeze", "-u", world.disk], check=True)
        world.store_hangs = False

    def unfrozen(self, world):
        found = {}
        for runner in processes.runners(world.site.account.pw_uid):
            for pid in runner.program:
                if processes.state(pid) in UNFROZEN:
                    found[pid] = f"process {pid} of {runner.job}"
        return found


class StoreReadOnly(StoreFault):
    """Whoever opens a file or makes a name gets EROFS: a read-only mount over the store, in every mount namespace that sees it. What is open for
    writing already stays so."""
    name, rests = "store read-only", (2, 25)
    others = ("infrastructure",)  # a node that starts meanwhile would not have it

    def take_away(self, world):
        for pid in namespaces(world):
            run_inside(pid, 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', world.site.store)
        return "covered"

    def give_back(self, world):
        uncover(world)


def uncover(world):
    """Takes the read-only mounts away wherever they are."""
    for pid in namespaces(world):
        try:
            with open(f"/proc/{pid}/mountinfo") as mounts:
                covered = sum(line.split()[4] == str(world.site.store) for line in mounts)
        except OSError:
            continue
        for _ in range(covered):
            run_inside(pid, 'umount --lazy "$1"', world.site.store)


def namespaces(world):
    """One process of each mount namespace: ours, the nodes', those inside them."""
    nodes = [who["pid"] for name, who in world.cluster.pids.items() if name.endswith(".init")]
    found = {}
    for pid in [os.getpid(), *nodes, *world.site.processes()]:
        try:
            found.setdefault(os.readlink(f"/proc/{pid}/ns/mnt"), pid)
        except OSError:
            continue
    return list(found.values())


def run_inside(pid, script, path):
    """As root in the mount namespace of the process, and among its processes: umount(8) looks at /proc/self. It may be gone by then."""
    subprocess.run(["nsenter", "-t", str(pid), "-m", "-p", "sh", "-c", script, "sh", str(path)], capture_output=True)
