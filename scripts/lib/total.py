#!/usr/bin/env python3
"""Adds up what the test programs left in a folder, prints why tests were skipped, and ends with 1 if anything failed.

doctest logs count their test cases; lines `SKIPPED: what: why` in them are skipped tests. pytest leaves JUnit XML. A file
`NAME.failed` is a failure that no test program could count (it crashed, or is a check of another kind).
"""
import pathlib
import re
import sys
import xml.etree.ElementTree


def main(folder):
    passed = failed = 0
    skipped = []
    for log in sorted(folder.glob("*.log")):
        text = log.read_text(errors="replace")
        closing = re.findall(r"^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed", text, re.M)
        for good, bad in closing[-1:]:
            passed += int(good)
            failed += int(bad)
        skipped += sorted(set(re.findall(r"^SKIPPED: (.*)$", text, re.M)))
    for report in folder.glob("*.xml"):
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            skip = case.find("skipped")
            if skip is not None:
                skipped.append(f"{case.get('name')}: {skip.get('message')}")
            elif case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            else:
                passed += 1
    for marker in sorted(folder.glob("*.failed")):
        print(f"FAILED: {marker.read_text().strip()}")
        failed += 1
    for reason in skipped:
        print(f"skipped: {reason}")
    print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
