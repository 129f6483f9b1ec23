#!/bin/sh
# What dlc says to wrong commands and wrong data; and every message has a case somewhere.
set -u
build=${BUILD:-build}
"${PYTHON:-python3}" tests/errors/transcripts.py "$build" tests/errors/commands/*.txt || failed=1
if missing=$("${PYTHON:-python3}" tests/errors/messages.py); then
    echo "ok - every message has a case"
else
    echo "not ok - every message has a case"
    echo "$missing" | sed 's/^/# /'
    failed=1
fi
exit "${failed:-0}"
