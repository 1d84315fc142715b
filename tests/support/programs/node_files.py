#!/usr/bin/python3
"""node_files.py STEPS PAUSE [FILE]: every step reads what the step before has written in $TMPDIR (open, mapped, and closed) and in a mapped
FILE, and the program ends with 9 when that is not it, else with 7."""
import mmap
import os
import struct
import sys
import time

tmp, shared = os.environ["TMPDIR"], sys.argv[3:]
os.makedirs(tmp + "/deep/empty")


def counter(path):
    file = open(path, "w+b")
    file.write(bytes(8192))
    file.flush()
    return file


place = counter(tmp + "/deep/place")
views = []
for path in [tmp + "/mapped", *shared]:
    with counter(path) as file:
        views.append(mmap.mmap(file.fileno(), 8192))
with open(tmp + "/closed", "w") as file:
    file.write("0")
with open("where", "w") as file:
    file.write(tmp)


def check(found, step, what):
    if found != step:
        print(what, "has", found, "in step", step, file=sys.stderr, flush=True)
        sys.exit(9)


for i in range(int(sys.argv[1])):
    place.seek(4096)
    check(struct.unpack("<q", place.read(8))[0], i, "place")
    place.seek(4096)
    place.write(struct.pack("<q", i + 1))
    place.flush()
    for view in views:
        check(struct.unpack("<q", view[0:8])[0], i, "mapping")
        view[0:8] = struct.pack("<q", i + 1)
    with open(tmp + "/closed", "r+") as file:
        check(int(file.read()), i, "closed")
        file.seek(0)
        file.write(str(i + 1))
    check(os.path.isdir(tmp + "/deep/empty"), True, "folder")
    print(i, flush=True)
    time.sleep(float(sys.argv[2]))
sys.exit(7)
