#!/usr/bin/python3
"""How long a program stands still for a checkpoint: through ckptd, and with bare DMTCP with and without its gzip.

    CKPT_DMTCP_ROOT=/prefix bench/checkpoint_cost.py BIN [--sizes 64,512,2048] [--rounds 5] [--folder DIR]

BIN holds ckptd, ckpt and ckpt-runner (build/release/bin). The same program (heartbeat.py) runs three times at once, idle but for
its clock; in each round each of the three is checkpointed once, in changing order, and each time the longest jump of the
program's own clock counts. Before each checkpoint the disk is synced and what ran in the background has ended. As root a throw-away
user is made and removed again. Needs about 4 x size of memory and 8 x size of disk in --folder. Prints JSON lines and a table.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from usersite import Site, wait_until  # noqa: E402

PATIENCE = 300  # seconds, for one checkpoint


class Gaps:
    """The jumps of a program's clock."""

    def __init__(self, path):
        self.path = path

    def ready(self):
        return self.path.exists() and "ready" in self.path.read_text()

    def longest_since(self, start):
        lengths = [float(line.split()[1]) for line in self.path.read_text().splitlines()
                   if line != "ready" and float(line.split()[0]) + float(line.split()[1]) >= start]
        return max(lengths, default=0.0)


class Bare:
    """DMTCP as a person would use it: a coordinator, dmtcp_launch, dmtcp_command -c."""

    def __init__(self, site, root, size, gzip):
        self.name = "dmtcp, gzip (its default)" if gzip else "dmtcp, --no-gzip"
        self.site, self.root = site, pathlib.Path(root)
        self.folder = site.work / f"bare-{'gzip' if gzip else 'raw'}-{size}"
        site.run("mkdir", "-p", self.folder, check=True)
        port_file = self.folder / "port"
        site.run(self.root / "bin/dmtcp_coordinator", "--daemon", "-q", "-q", "--coord-port", "0", "--port-file", port_file,
                 "--ckptdir", self.folder, cwd=self.folder, check=True)
        self.port = wait_until(lambda: port_file.read_text().strip() if port_file.exists() else "", 10, "a port")
        self.gaps = Gaps(self.folder / "gaps")
        self.process = site.popen(self.root / "bin/dmtcp_launch", "-q", "-q", "-j", "-h", "127.0.0.1", "-p", self.port,
                                  "--ckptdir", self.folder, *(["--gzip"] if gzip else ["--no-gzip"]),
                                  HERE_PROGRAM, size, self.gaps.path, cwd=self.folder)
        wait_until(self.gaps.ready, 120, "the program under DMTCP")

    def ask(self, what):
        return self.site.run(self.root / "bin/dmtcp_command", "-h", "127.0.0.1", "-p", self.port, what).stdout

    def images(self):
        return {path: path.stat().st_ino for path in self.folder.glob("ckpt_*.dmtcp")}

    def checkpoint(self):
        before = self.images()
        start = time.monotonic()
        self.ask("-c")

        def complete():
            unfinished = list(self.folder.glob("*.temp"))
            return self.images() and self.images() != before and not unfinished and "RUNNING=yes" in self.ask("-s")
        wait_until(complete, PATIENCE, f"{self.name}: a checkpoint", step=0.02)
        end = time.monotonic()
        self.settle()
        return {"blocked": self.gaps.longest_since(start), "command": end - start,
                "bytes": sum(path.stat().st_size for path in self.images())}

    def settle(self):  # gzip goes on after "complete"
        wait_until(lambda: not any(line.startswith(("gzip ", "/bin/gzip ", "/usr/bin/gzip ")) for line in self.site.processes().values()), PATIENCE, "the end of gzip")

    def close(self):
        self.ask("-q")
        self.process.wait(timeout=60)


class Ours:
    name = "ckptd"

    def __init__(self, site, size):
        self.site = site
        self.job = f"size-{size}"
        self.gaps = Gaps(site.work / f"gaps-{size}")
        site.ckpt("submit", "-J", self.job, "--engine", "dmtcp", "--every", "off", "--", HERE_PROGRAM, size, self.gaps.path)
        wait_until(self.gaps.ready, 120, "the program under ckptd")
        site.wait_state(self.job, "running", 60)

    def newest(self):
        return self.site.json("gens", self.job)["items"][-1]

    def checkpoint(self):
        start = time.monotonic()
        self.site.ckpt("checkpoint", self.job, timeout=PATIENCE)
        end = time.monotonic()
        generation = self.newest()
        assert generation["state"] == "sealed", generation
        # zstd runs on at low priority; what it costs is told apart
        wait_until(lambda: self.newest()["stored_bytes"] < self.newest()["bytes"], PATIENCE, "the end of compression")
        return {"blocked": self.gaps.longest_since(start), "command": end - start, "bytes": generation["bytes"],
                "said": generation["blocked_seconds"], "stored": self.newest()["stored_bytes"],
                "packed_after": time.monotonic() - end}

    def close(self):
        self.site.ckpt("cancel", self.job)


def measure(site, root, size, rounds):
    ways = [Ours(site, size), Bare(site, root, size, True), Bare(site, root, size, False)]
    results = {way.name: [] for way in ways}
    try:
        for way in ways:
            way.checkpoint()  # the first one is not counted: files and page cache are new
        for number in range(rounds):
            for way in ways[number % 3:] + ways[:number % 3]:
                os.sync()
                result = way.checkpoint()
                results[way.name].append(result)
                print(json.dumps({"size_mb": size, "way": way.name, "round": number + 1, **result}), flush=True)
    finally:
        for way in ways:
            way.close()
    return results


def median(results, key):
    return statistics.median(result[key] for result in results)


def report(size, results):
    ours = median(results["ckptd"], "blocked")
    print(f"\n{size} MB, medians of {len(results['ckptd'])} rounds")
    for name, values in results.items():
        blocked = [value["blocked"] for value in values]
        print(f"  {name:26} blocked {statistics.median(blocked):6.2f} s ({min(blocked):.2f}–{max(blocked):.2f}), "
              f"{statistics.median(blocked) / ours:5.2f} x ckptd, command {median(values, 'command'):6.2f} s, "
              f"image {median(values, 'bytes') / 1e6:6.0f} MB")
    ckptd = results["ckptd"]
    print(f"  ckptd: says {median(ckptd, 'said'):.2f} s itself; stored {median(ckptd, 'stored') / 1e6:.0f} MB, "
          f"{median(ckptd, 'packed_after'):.1f} s after the command", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("--sizes", default="64,512,2048")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default="/var/tmp")
    options = parser.parse_args()
    root = os.environ.get("CKPT_DMTCP_ROOT")
    if not root:
        sys.exit("CKPT_DMTCP_ROOT is not set")
    folder = tempfile.mkdtemp(prefix="ckptd-bench-", dir=options.folder)
    version = subprocess.run([f"{root}/bin/dmtcp_coordinator", "--version"], capture_output=True, text=True).stdout.splitlines()
    print(f"{version[0]}; Linux {platform.release()}; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}", flush=True)
    with Site(options.bin, folder=folder) as site:
        global HERE_PROGRAM
        HERE_PROGRAM = site.program("heartbeat.py", (HERE / "heartbeat.py").read_text())
        for size in (int(size) for size in options.sizes.split(",")):
            report(size, measure(site, root, size, options.rounds))


if __name__ == "__main__":
    main()
