#!/usr/bin/env python3
"""Adds up what the test programs left in a folder, prints why tests were skipped and how others failed (last: where only the
end of the output is kept, this is what is wanted of it), and ends with 1 if anything failed.

doctest logs count their test cases; lines `SKIPPED: what: why` in them are skipped tests. pytest leaves JUnit XML. A file
`NAME.failed` is a failure that no test program could count (it crashed, or is a check of another kind).

    total.py FOLDER             the sum
    total.py --again FOLDER     the few pytest tests that failed and may be tried once more, alone, into again.xml

On a machine that is busier than its tests expect, one of hundreds runs into a deadline. Such a test counts as what it did alone, and how
it failed beside others is printed all the same. What is there to prove a promise is not asked twice: its failure is a finding.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree


PROOFS = ("tests.chaos", "tests.integration.test_kill_points", "tests.integration.test_fencing", "tests.integration.test_storage_faults")
AT_MOST_AGAIN = 5


def cases(report):
    """(name as pytest takes it, why it was skipped, how it failed) of each test case."""
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        skip = case.find("skipped")
        wrong = [e for kind in ("failure", "error") if (e := case.find(kind)) is not None]
        yield name, skip.get("message") if skip is not None else None, ending(wrong[0].text or wrong[0].get("message")) if wrong else None


def again(folder):
    report = folder / "pytest.xml"
    failed = sorted({name for name, _, how in cases(report) if how is not None}) if report.exists() else []
    if len(failed) <= AT_MOST_AGAIN:
        print("\n".join(name for name in failed if not name.replace("/", ".").startswith(PROOFS)))


def ending(text, lines=40):
    return "\n".join((text or "").splitlines()[-lines:])


def main(folder):
    passed = 0
    failed = []
    skipped = []
    for log in sorted(folder.glob("*.log")):
        text = log.read_text(errors="replace")
        closing = re.findall(r"^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed", text, re.M)
        for good, bad in closing[-1:]:
            passed += int(good)
            failed += [(f"a test case of {log.stem}", ending(text))] * int(bad)
        skipped += sorted(set(re.findall(r"^SKIPPED: (.*)$", text, re.M)))
    alone = {name: how for name, skip, how in cases(folder / "again.xml") if skip is None} if (folder / "again.xml").exists() else {}
    unstable = []
    for report in set(folder.glob("*.xml")) - {folder / "again.xml"}:
        for name, skip, how in cases(report):
            if skip is not None:
                skipped.append(f"{name.rpartition('::')[2]}: {skip}")
            elif how is not None and alone.get(name, "not tried") is not None:
                failed.append((name, how))
            else:
                passed += 1
                unstable += [(name, how)] if how is not None else []
    for marker in sorted(folder.glob("*.failed")):
        failed.append((marker.read_text().strip(), ""))
    for reason in skipped:
        print(f"skipped: {reason}")
    for name, how in unstable:
        print(f"UNSTABLE: {name} failed beside others, and passed alone\n{how}")
    for name, how in failed:
        print(f"FAILED: {name}\n{how}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if sys.argv[1] == "--again":
        again(pathlib.Path(sys.argv[2]))
    else:
        sys.exit(main(pathlib.Path(sys.argv[1])))
