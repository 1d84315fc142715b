"""Every kill point of daemon and runner (core/base/kill_point.hpp): a short job whose daemon or runner dies there once. It must end with
the right output all the same, never run twice at once, and leave nothing behind. Submission may happen twice, execution never.

The points come from runs that nothing disturbs; one in the source that they do not pass must stand in NOT_WALKED with a reason.
Each point is died at in its first and its last pass. CKPT_KILL_WALK=all dies at every pass, =ckptd:act.done:2 (or a part of that) walks only what
contains it.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil

import pytest

from engines import engine_parameters
from killwalk import LocalWalk, SlurmWalk, passes_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
SIDE_BY_SIDE = int(os.environ.get("CKPT_KILL_WALKERS", "16"))
WISH = os.environ.get("CKPT_KILL_WALK", "")

# Points that no undisturbed job passes, and where else they are walked.
NOT_WALKED = {
    "journal.cut": "needs a torn line, which only a host that vanishes leaves: unit/store/test_kill_points.cpp",
    "remove_job.spec": "a job that was never accepted: the recovery after a death at submit.folder passes it; unit/store",
    "bury_job.spec": "`ckpt rm` of a job that is over; what a death there leaves is no job any more, and goes with the next rm: unit/daemon/care_test.cpp",
    "lost.given_up": "needs an attempt that ends without a word: the deaths of runners here pass it; unit/daemon/fate_test.cpp",
    **{f"array.{step}": "job arrays only: unit/daemon/array_test.cpp walks the whole way, test_arrays.py the steps under real Slurm"
       for step in ("folder", "linked", "tasks", "accepted", "intended")},
    "array.forgotten": "`ckpt rm` of an array's last job; what a death there leaves goes at the next start: unit/daemon/array_test.cpp",
    "registry.migrate": "needs a registry of an older version: unit/daemon/registry_test.cpp",
}


def points_in_source():
    found = set()
    for folder in ("core", "daemon", "runner"):
        for file in (ROOT / folder).rglob("*.cpp"):
            found.update(re.findall(r'kill_point\("([^"]+)"\)', file.read_text()))
    return found


def chosen(passes):
    """Deaths to die, as (program, point, pass)."""
    deaths = []
    for (program, point), most in sorted(passes.items()):
        numbers = range(1, most + 1) if WISH == "all" else sorted({1, most})
        deaths += [(program, point, number) for number in numbers]
    if WISH not in ("", "all"):
        deaths = [death for death in deaths if WISH in "{}:{}:{}".format(*death)]
    return deaths


def die(walk, death):
    """Returns what went wrong, or "not reached", or nothing. A busy machine can leave out what is not urgent (packing): it gets more tries."""
    for again in range(3 if death[2] == 1 else 1):
        result = die_once(walk, death, f":again{again}" if again else "")
        if result != "not reached":
            break
    return result


def die_once(walk, death, again):
    program, point, number = death
    case = walk.case(f"{program}:{point}:{number}{again}")
    marker = case.folder / "killed"
    case.kill = {"CKPT_KILL_AT": f"{point}:{number}", "CKPT_KILL_PROGRAM": program, "CKPT_KILL_ONCE": str(marker)}
    try:
        case.check(case.live_through())
        if not marker.exists():
            return "not reached"
        shutil.rmtree(case.folder, ignore_errors=True)
        return None
    except Exception as problem:  # all are told at the end
        return f"{problem}"
    finally:
        case.close()


def walk_all(walk, deaths):
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        results = list(pool.map(lambda death: (death, die(walk, death)), deaths))
    wrong = [f"=== {death}: {result}" for death, result in results if result and result != "not reached"]
    missed = ["{}:{}:{}".format(*death) for death, result in results if result == "not reached"]
    assert not wrong, f"{len(wrong)} of {len(results)} deaths were not survived\n" + "\n\n".join(wrong)
    # How often a point is passed depends on time; that it is passed at all does not.
    assert not [name for name in missed if name.endswith(":1")], missed
    print(f"{len(results) - len(missed)} deaths survived, {len(missed)} passes not reached this time: {' '.join(missed)}")


def undisturbed(walk):
    """The same life without a death, and the points that it passed."""
    case = walk.case("undisturbed")
    case.kill = {"CKPT_KILL_LIST": str(case.folder / "list.%p")}
    try:
        case.check(case.live_through())
        return passes_of(case.folder)
    finally:
        case.close()


@pytest.fixture(scope="module")
def engine():
    """(engine, environment): CRIU where it works (the quickest), else DMTCP."""
    there = [p for p in engine_parameters() if p.values[0] != "app" and not p.marks]
    return there[0].values if there else pytest.skip("neither CRIU nor DMTCP here")


@pytest.fixture(scope="module")
def passed():
    """Names of all points that one of the tests here has seen passed."""
    return set()


def test_a_death_at_every_point_is_survived(engine, passed):
    walk = LocalWalk(BIN, *engine)
    try:
        passes = undisturbed(walk)
        passed.update(point for _, point in passes)
        walk_all(walk, chosen(passes))
    finally:
        walk.close()


def test_a_death_while_it_is_cancelled_is_survived(engine, passed):
    walk = LocalWalk(BIN, *engine, ends="cancelled")
    try:
        passes = {key: most for key, most in undisturbed(walk).items() if key[1] not in passed}
        passed.update(point for _, point in passes)
        walk_all(walk, chosen(passes))
    finally:
        walk.close()


def test_a_death_at_every_call_of_slurm_is_survived(engine, passed):
    walk = SlurmWalk(BIN, *engine)
    try:
        passes = undisturbed(walk)
        passed.update(point for _, point in passes)
        walk_all(walk, chosen({key: most for key, most in passes.items() if key[1].startswith(SlurmWalk.POINTS)}))
    finally:
        walk.close()


def test_no_point_is_forgotten(passed):
    if not passed:
        pytest.skip("the walks were not run")
    never = points_in_source() - passed
    assert never == set(NOT_WALKED), f"not passed and not explained: {sorted(never - set(NOT_WALKED))}; " \
                                     f"explained, but passed or gone: {sorted(set(NOT_WALKED) - never)}"
