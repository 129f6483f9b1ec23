#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What dlc says to wrong commands and wrong data, byte for byte.   usage: transcripts.py BUILD FILE.txt...

Such a file is a transcript: a line `$ COMMAND`, then what it printed (both streams) and, where it is not 0, its exit status in
brackets. Lines that begin with # are comments. Each runs in an empty folder with copies of the models of tests/errors/commands/, and has the
functions of functions.sh.
BLESS=1 writes the files anew; the difference is for review.
"""
import os
import shutil
import subprocess
import sys
import tempfile


def play(build, lines):
    """The transcript as it is now."""
    out = []
    folder = tempfile.mkdtemp()
    for name in os.listdir('tests/errors/commands'):
        if not name.endswith('.txt'):
            shutil.copy(os.path.join('tests/errors/commands', name), folder)
    env = dict(os.environ, PATH=os.path.abspath(build) + ':' + os.environ['PATH'], LC_ALL='C',
               XDG_CACHE_HOME=os.path.join(folder, 'cache'))
    for line in lines:
        if line.startswith('#'):
            out.append(line)
        if not line.startswith('$ '):
            continue
        done = subprocess.run(['sh', '-c', '. ./functions.sh; ' + line[2:]], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        text = done.stdout.decode('utf-8', 'backslashreplace')
        out += [line] + text.splitlines() + ([f'[{done.returncode}]'] if done.returncode else [])
    shutil.rmtree(folder)
    return out


def main():
    wrong = 0
    for number, path in enumerate(sys.argv[2:], 1):
        with open(path, encoding='utf-8') as file:
            lines = file.read().splitlines()
        now = play(sys.argv[1], lines)
        if os.environ.get('BLESS'):
            with open(path, 'w', encoding='utf-8') as file:
                file.write('\n'.join(now) + '\n')
        same = now == lines or bool(os.environ.get('BLESS'))
        print(f'{"ok" if same else "not ok"} {number} - {path}')
        wrong += not same
        for have, want in zip(now + [''] * len(lines), lines + [''] * len(now)):
            if not same and have != want:
                print(f'# says:     {have}\n# expected: {want}')
                break
    print(f'1..{len(sys.argv) - 2}')
    return wrong > 0


sys.exit(main())
