#!/usr/bin/env python3
"""A parameter sweep that survives preemption: of its points, which ckptd carries on from their checkpoints, and of itself.

    python3 sweep.py --name decay --time 04:00:00 -- ./simulate --rate {rate} --seed {seed}   rate=0.1,0.2,0.5 seed=1,2,3

Each point is a job. Interrupt this script, lose its login node, start it again with the same words: it finds the points that are
there by their tags, submits those that are missing, goes on with those that are parked, and writes <name>.csv when all are done.
"""
import argparse
import csv
import itertools
import os
import sys

import ckptd


def split(words):
    """(program with {names}, {name: [values]}) of "./simulate --rate {rate} rate=0.1,0.2"; the axes stand at the end."""
    words, axes = list(words), {}
    while words and "=" in words[-1] and "{" + words[-1].split("=")[0] + "}" in " ".join(words[:-1]):
        name, values = words.pop().split("=", 1)
        axes[name] = values.split(",")
    return words, axes


def points(axes):
    names = sorted(axes)
    return [dict(zip(names, values)) for values in itertools.product(*(axes[name] for name in names))]


def point_of(job, axes):
    return {name: job.tags.get("p." + name) for name in axes}


def submit(client, name, program, point, options):
    label = "-".join([name] + ["{}{}".format(key, value) for key, value in sorted(point.items())])
    tags = {"sweep": name}
    tags.update({"p." + key: value for key, value in point.items()})
    more = {"engine": options.engine} if options.engine else {}
    return client.submit([word.format(**point) for word in program], name=label, tags=tags, time=options.time, every=options.every,
                         output=os.path.join(name, label + ".out"), sbatch_args=options.sbatch_arg, **more)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="of the sweep: its tag, its folder, and <name>.csv")
    parser.add_argument("--time", help="limit of one allocation")
    parser.add_argument("--every", default="auto", help="between checkpoints")
    parser.add_argument("--engine")
    parser.add_argument("--sbatch-arg", action="append", default=[])
    parser.add_argument("words", nargs="+", metavar="PROGRAM … axis=value,value…")
    options = parser.parse_args()
    program, axes = split(options.words)
    if not program or not axes:
        parser.error("write a program with {names} and behind it name=value,value for each")

    client = ckptd.Client()
    os.makedirs(options.name, exist_ok=True)
    jobs = {}  # by point; the last one of a point counts
    for job in client.jobs(tag={"sweep": options.name}):
        if job.state != "cancelled":
            jobs[tuple(sorted(point_of(job, axes).items()))] = job
    found = len(jobs)
    for point in points(axes):
        key = tuple(sorted(point.items()))
        if key not in jobs:
            jobs[key] = submit(client, options.name, program, point, options)
        elif jobs[key].state == "parked":
            jobs[key].restart()
    print("{} points, {} of them found".format(len(jobs), found), flush=True)

    left, failed = len(jobs), 0
    for job in client.as_settled(jobs.values()):
        left -= 1
        failed += not job.succeeded
        print("{} {} after {} restarts, {} left{}".format(job.name, job.state, job.restarts_count, left,
                                                          "" if job.succeeded else ": " + job.reason), flush=True)

    with open(options.name + ".csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(sorted(axes) + ["job", "state", "exit_code", "restarts", "run_seconds", "lost_seconds", "last_line"])
        for job in sorted(jobs.values(), key=lambda one: int(one.id[2:])):
            lines = job.output().splitlines() or [""]
            table.writerow([point_of(job, axes)[name] for name in sorted(axes)] +
                           [job.id, job.state, job.exit_code, job.restarts_count, job.accounting.run_seconds, job.accounting.lost_seconds, lines[-1]])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
