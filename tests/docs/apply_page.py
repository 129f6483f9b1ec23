#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""apply_page.py PAGE TREE: makes the changes that PAGE shows in TREE, and prints the files they are in.

A change is a block ```diff FILE. Its lines that begin with a space or - are in FILE, one behind the other, at one place alone;
its lines that begin with a space or + are what it has there afterwards."""
import re
import sys


def change(text, block):
    old = "".join(line[1:] + "\n" for line in block if line[0] in " -")
    new = "".join(line[1:] + "\n" for line in block if line[0] in " +")
    places = [m.start() for m in re.finditer("^" + re.escape(old), text, re.M)]
    if len(places) != 1:
        sys.exit(f"these lines are at {len(places)} places:\n{old}")
    return text[: places[0]] + new + text[places[0] + len(old) :]


page, tree = sys.argv[1:]
changed = []
for name, block in re.findall(r"^```diff (\S+)\n(.*?)^```", open(page).read(), re.M | re.S):
    path = f"{tree}/{name}"
    text = change(open(path).read(), block.splitlines())
    open(path, "w").write(text)
    if name not in changed:
        changed.append(name)
print(*changed)
