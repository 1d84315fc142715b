"""Programs for whole runs: one line a step, each depending on all before it, so that a lost or repeated step shows."""
import hashlib
import itertools

# Knows nothing of checkpoints. argv: steps, exit status, megabytes to hold, seconds a step.
COUNT = """#!/usr/bin/python3
import hashlib, os, sys, time
steps, status, megabytes, pause = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
ballast = os.urandom(megabytes << 20)
state = b"start"
for step in range(steps):
    state = hashlib.sha256(state).digest()
    print(step, state.hex()[:12], flush=True)
    time.sleep(pause)
sys.exit(status)
"""

# The same, but saves its whole state on USR1 and goes on from it. argv[5]: the file.
SAVES_ITSELF = """#!/usr/bin/python3
import hashlib, os, signal, sys, time
steps, status, megabytes, pause = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
file = sys.argv[5]
step, state, ballast = 0, b"start", None
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
if os.path.exists(file):
    with open(file, "rb") as saved:
        step, state, ballast = int(saved.readline()), bytes.fromhex(saved.readline().decode()), saved.read()
ballast = ballast if ballast is not None else os.urandom(megabytes << 20)
def save(*_):
    with open(file + ".new", "wb") as out:
        out.write(b"%d\\n%s\\n" % (step, state.hex().encode()) + ballast)
    os.rename(file + ".new", file)
    time.sleep(0.7)  # it is stopped as soon as its file is seen: until then, nothing that would have to be undone
signal.signal(signal.SIGUSR1, save)
while step < steps:
    state = hashlib.sha256(state).digest()
    print(step, state.hex()[:12], flush=True)
    step += 1
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    time.sleep(pause)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
sys.exit(status)
"""


numbers = itertools.count(1)


def expected_output(steps):
    """What either program prints when nothing disturbs it."""
    state, lines = b"start", []
    for step in range(steps):
        state = hashlib.sha256(state).digest()
        lines.append(f"{step} {state.hex()[:12]}\n")
    return "".join(lines)


def counting_job(site, engine, steps, status=0, megabytes=1, pause=0.1):
    """(words for `ckpt submit` and `ckpt run` that choose the engine, the program's argv). The app engine's jobs save themselves."""
    if engine == "app":
        program = site.program("saves-itself.py", SAVES_ITSELF)
        state = f"state.{next(numbers)}"  # jobs in one folder must not save each other's
        return ["--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", state], [program, steps, status, megabytes, pause, state]
    program = site.program("count.py", COUNT)
    return ["--engine", engine], [program, steps, status, megabytes, pause]
