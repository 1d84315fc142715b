#!/usr/bin/python3
"""tree.py STEPS STATUS PAUSE: a parent and three children, started once, that work on every line together over pipes. Like a shell it says
137 when somebody has killed a child of its."""
import hashlib
import os
import sys
import time

steps, status, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
children = []
for number in range(3):
    down, up = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(down[1])
        os.close(up[0])
        for _, write, read in children:
            os.close(write)
            os.close(read)
        kept = b"child %d" % number
        while True:
            asked = os.read(down[0], 64)
            if not asked:
                os._exit(0)
            kept = hashlib.sha256(kept + asked).digest()
            os.write(up[1], kept)
    os.close(down[0])
    os.close(up[1])
    children.append((pid, down[1], up[0]))


def beat(step):
    with open("/proc/self/stat") as stat:
        incarnation = stat.read().rsplit(")", 1)[1].split()[19]
    with open("beats.log", "a") as log:
        log.write(f"{incarnation} {time.time():.3f} {step}\n")


def broken():
    _, how = os.waitpid(-1, 0)
    os._exit(128 + os.WTERMSIG(how) if os.WIFSIGNALED(how) else 99)


state = b"start"
for step in range(steps):
    beat(step)
    for _, write, read in children:
        try:
            os.write(write, state)
            state = os.read(read, 64)
        except BrokenPipeError:
            broken()
        if not state:
            broken()
    print(step, state.hex()[:16], flush=True)
    time.sleep(pause)
beat(steps)
for pid, write, read in children:
    os.close(write)
    os.waitpid(pid, 0)
sys.exit(status)
