"""template.yaml as tests/emulators/deploy gives it to ministack: built folders, and without what ministack cannot make.

adapted.py TEMPLATE BUILT_DIR prints it, and on stderr what was left out. Works on blocks of lines by their indentation.
"""

import re
import sys

# A resource of this type that has this line is left out, and why.
RESOURCES = [("AWS::CloudWatch::Alarm", r"      Metrics:", "ministack knows no metric math in alarms")]
# Left out of every function, and why.
PROPERTIES = [("DeploymentPreference", "ministack has no CodeDeploy")]


# Written differently, and why.
TEXTS = [
    ("MaximumConcurrency: !Ref MaximumConcurrency", "MaximumConcurrency: 10", "ministack compares a Number parameter as text"),
]


def blocks(lines, indent):
    """Lines cut where a key stands at this indentation."""
    found = [[]]
    for line in lines:
        if re.match(rf" {{{indent}}}\w", line) and found[-1]:
            found.append([])
        found[-1].append(line)
    return found


def without_properties(lines):
    kept = []
    for block in blocks(lines, 6):
        name = block[0].strip().split(":")[0]
        why = next((why for key, why in PROPERTIES if key == name), None)
        if why is None:
            kept += block
        else:
            print(f"left out: {name} ({why})", file=sys.stderr)
            # What is less indented belongs to whatever comes next.
            kept += [line for line in block[1:] if re.match(r" {0,5}\S", line)]
    return kept


def without_globals(head):
    """The same properties as Globals give them to every function."""
    kept = []
    for block in blocks(head.split("\n"), 4):
        name = block[0].strip().split(":")[0]
        kept += [line for line in block if re.match(r" {0,3}\S", line)] if name in dict(PROPERTIES) else block
    return "\n".join(kept)


def main(path, built):
    text = open(path, encoding="utf-8").read().replace("CodeUri: functions/", f"CodeUri: {built}/")
    for given, instead, why in TEXTS:
        if given in text:
            print(f"changed: {given} ({why})", file=sys.stderr)
            text = text.replace(given, instead)
    head, resources = text.split("\nResources:\n")
    head = without_globals(head)
    resources, tail = resources.split("\nOutputs:\n")
    kept = []
    for block in blocks(resources.split("\n"), 2):
        body = "\n".join(block)
        why = next((why for kind, line, why in RESOURCES if kind in body and re.search(f"^{line}", body, re.MULTILINE)), None)
        if why is None:
            kept += without_properties(block)
        else:
            print(f"left out: {block[0].strip().rstrip(':')} ({why})", file=sys.stderr)
    print(head + "\nResources:\n" + "\n".join(kept) + "\nOutputs:\n" + tail)


main(sys.argv[1], sys.argv[2])
