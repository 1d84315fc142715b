#!/usr/bin/python3
"""The program that the benchmarks checkpoint: MEGABYTES of memory, half of it random and half zero, all of it resident, and a
thread that looks at the clock all the time. Where the clock jumped, the program stood still: each jump is a line "WHEN LENGTH" in
GAPS. Nothing outside the program takes part in the measurement.
    heartbeat.py MEGABYTES GAPS
"""
import mmap
import os
import sys
import threading
import time

BEAT = 0.001  # seconds
NOTED = 0.02  # a jump from here on is written down


def beat(path):
    last = time.monotonic()
    while True:
        time.sleep(BEAT)
        now = time.monotonic()
        if now - last > NOTED:
            with open(path, "a") as gaps:  # closed again: no open file takes part in a checkpoint
                gaps.write(f"{last:.4f} {now - last:.4f}\n")
            now = time.monotonic()
        last = now


def main():
    size = int(sys.argv[1]) * 1_000_000
    memory = mmap.mmap(-1, size)
    piece = 1_000_000
    for at in range(0, size, 2 * piece):
        memory[at:at + piece] = os.urandom(piece)[:len(memory[at:at + piece])]
        rest = len(memory[at + piece:at + 2 * piece])
        memory[at + piece:at + piece + rest] = bytes(rest)
    threading.Thread(target=beat, args=(sys.argv[2],), daemon=True).start()
    with open(sys.argv[2], "a") as gaps:
        gaps.write("ready\n")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
