"""Programs that record when they ran, and what the record must show.

Each step appends "incarnation realtime step" to beats.log, a file that no checkpoint covers: it is never cut back. The incarnation is
the start time of the process as the kernel tells it, which no engine can restore: a restarted program has another one.
"""
import pathlib

# beating.py STEPS STATUS PAUSE MEGABYTES: a line a step on stdout, the same to appended.log (opened and closed each time), and a
# counter rewritten in place in place.bin. Every line depends on all before it. A file in $TMPDIR, on the node, is held open and rewritten;
# one that came back with another content ends it with 3.
BEATING = """#!/usr/bin/python3
import hashlib, os, sys, time
steps, status, pause, megabytes = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
ballast = os.urandom(megabytes << 20)
def beat(step):
    with open("/proc/self/stat") as stat:
        incarnation = stat.read().rsplit(")", 1)[1].split()[19]
    with open("beats.log", "a") as log:
        log.write(f"{incarnation} {time.time():.3f} {step}\\n")
state = b"start"
scratch = open(os.path.join(os.environ.get("TMPDIR", "."), "scratch"), "w+")
for step in range(steps):
    scratch.seek(0)
    if step and scratch.read() != f"{step - 1:08d}":
        sys.exit(3)
    scratch.seek(0)
    scratch.write(f"{step:08d}")
    scratch.flush()
    beat(step)
    state = hashlib.sha256(state).digest()
    print(step, state.hex()[:12], flush=True)
    with open("appended.log", "a") as log:
        log.write(f"{step} {state.hex()[12:24]}\\n")
    with open("place.bin", "r+" if os.path.exists("place.bin") else "w") as place:
        place.write(f"{step:08d} {state.hex()}\\n")
    time.sleep(pause)
beat(steps)
sys.exit(status)
"""


class Beats:
    """The record of one job."""

    def __init__(self, file):
        self.lines = []
        file = pathlib.Path(file)
        for line in file.read_text().splitlines() if file.exists() else []:
            words = line.split()
            if len(words) == 3:  # a node that died can leave half a line
                self.lines.append((words[0], float(words[1]), int(words[2])))

    def incarnations(self):
        """[(first time, last time, first step, last step)] in the order of their beginnings."""
        found = {}
        for incarnation, at, step in self.lines:
            first = found.get(incarnation, (at, at, step, step))
            found[incarnation] = (min(first[0], at), max(first[1], at), first[2], step)
        return sorted(found.values())

    def overlaps(self):
        """Pairs of incarnations that ran at the same time: must be empty."""
        runs = self.incarnations()
        return [(a, b) for i, a in enumerate(runs) for b in runs[i + 1:] if b[0] < a[1]]

    def step_at(self, time):
        """The last step begun before that time; -1 if none."""
        steps = [step for _, at, step in self.lines if at <= time]
        return steps[-1] if steps else -1
