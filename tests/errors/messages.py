#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every message of the compiler that no test expects.   usage: messages.py [--all]   in the project's folder

A message is a string literal of two words or more in the files below, outside of what prints results. Its format becomes a
pattern, and some expected text has to match it: a file of tests/errors/, a string of tests/unit/, or a line of
tests/errors/exempt.txt, which says why there is no case. `require` of compiler/std counts as well.
"""
import glob
import re
import sys

SOURCES = ['compiler/main.c', 'compiler/pipeline.c', 'compiler/base/file.c', 'compiler/syntax/*.c',
           'compiler/graph/elaborate*.c', 'compiler/graph/parse.c', 'compiler/graph/text.c', 'compiler/graph/type.c',
           'compiler/graph/attr.c', 'compiler/graph/op_info.c', 'compiler/graph/gradient.c',
           'compiler/ops/*.c', 'compiler/passes/*.c', 'compiler/kernels/lower.c', 'compiler/kernels/plan.c',
           'compiler/kernels/tile.c', 'compiler/kernels/units.c', 'compiler/verify/*.c', 'compiler/emit/*.c', 'compiler/jit/*.c', 'compiler/lab/*.c',
           'compiler/commands/*.c', 'compiler/budget/*.c', 'compiler/profile/*.c']
# What these are given is a result, our own mistake, or no text for people.
SILENT = {'BUG', 'bug_at', 'printf', 'puts', 'put_line', 'add', 'line', 'str_eq', 'strstr', 'strcmp', 'strncmp',
          'strspn', 'strcspn', 'strpbrk', 'begins', 'json_pack', 'getenv', 'print_line', 'fopen', 'print_option', 'report', '_Static_assert'}
# These write C: what they say to people goes through calls of these names.
WRITERS = re.compile(r'compiler/(?:emit/.*|verify/(?:files|code))\.c')
SPEAKING = {'diag_error', 'diag_note', 'diag_note_at', 'bad'}
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|[A-Za-z_]\w*|\d[\w.]*|\s+|.', re.S)
# Tables of options and texts for whoever asks, which --help and `dlc doc` print.
TABLE = re.compile(r'(?:const Option|const Command|const Builtin|static const Pass|static const Group|commands\[\] = |_head =|'
                   r'^static int help\(|static const char \*const usage).*?\n *\}?;\n|^static int help\(.*?\n\}', re.S | re.M)


def unescape(literal):
    return re.sub(r'\\x[0-9a-f]{2}|\\(.)', lambda m: {'n': '\n', 't': '\t', None: '?'}.get(m.group(1), m.group(1)),
                  literal[1:-1])


def literals(path, silent=()):
    """Texts of a C file, neighbours joined, with their lines."""
    text = open(path, encoding='utf-8').read()
    blank = lambda m: re.sub(r'[^\n]', ' ', m.group())
    if silent:
        text = TABLE.sub(blank, text)
    text = re.sub(r'^#\s*include.*$', blank, text, flags=re.M)
    line, calls, name, joined, writes = 1, [], '', None, WRITERS.fullmatch(path)
    for match in TOKEN.finditer(text):
        token = match.group()
        if token.isspace() or token.startswith('/*') or token.startswith('//'):
            pass
        elif token[0] == '"':
            quiet = any(c in silent for c in calls) or (silent and writes and not any(c in SPEAKING for c in calls))
            joined = joined or [line, '', quiet]
            joined[1] += unescape(token)
        elif joined and re.fullmatch(r'PRI\w+', token):
            joined[1] += 'd'
        else:
            if joined and not joined[2]:
                yield joined[0], joined[1]
            joined = None
            if token == '(':
                calls.append(name)
            elif token == ')' and calls:
                calls.pop()
            name = token
        line += token.count('\n')


def required(path):
    """The messages of `require` in a file of the library."""
    text = open(path, encoding='utf-8').read()
    for match in re.finditer(r'\brequire .*?,\s*("(?:[^"\\\n]|\\.)*")[ \t]*\n', text, re.S):
        yield text.count('\n', 0, match.start()) + 1, unescape(match.group(1))


def is_message(text):
    words = re.findall(r"[A-Za-z]{2,}", re.sub(r"%[-.*\d]*l*[a-z]", " ", text))
    return len(words) >= 2 and " " in text.strip() and not re.match("-(std|shared|nostdlib|fcallgraph-info)", text)


def pattern(text):
    out = ''
    for part in re.split(r'(%%|%[-+#0-9.*]*(?:ll|l|z|j)?[a-zA-Z]|\n)', text.strip()):
        if part == '%%':
            out += '%'
        elif re.fullmatch(r'%.*[diu]', part):
            out += r'(?:-?\d+|N)'      # N: a line of the library, which test_errors.c leaves open
        elif part.startswith('%') and len(part) > 1:
            out += r'[^\n]*?'
        elif part == '\n':
            out += r'\s+'
        else:
            out += re.escape(part)
    return re.sub(r'^(?:\[\^\\n\]\*\?)+', '', out)      # anything in front: no need to look for it, which takes long


def expected():
    for path in glob.glob('tests/errors/**/*', recursive=True):
        if re.search(r'\.(err|txt)$', path) and not path.endswith('exempt.txt'):
            yield open(path, encoding='utf-8', errors='replace').read()
    for path in glob.glob('tests/unit/test_*.c'):
        for _, text in literals(path):
            yield text


def exemptions():
    """MESSAGE: REASON, a line each; the message as the source has it."""
    lines = open('tests/errors/exempt.txt', encoding='utf-8').read().splitlines()
    return {line.split(' -- ')[0]: 0 for line in lines if ' -- ' in line}


def main():
    everything = '\n\0\n'.join(expected())
    exempt = exemptions()
    missing = total = 0
    messages = [(path, line, text) for paths in SOURCES for path in sorted(glob.glob(paths))
                for line, text in literals(path, SILENT) if is_message(text)]
    messages += [(path, line, text) for path in sorted(glob.glob('compiler/std/*.dl')) for line, text in required(path)]
    for path, line, text in messages:
        total += 1
        shown = text.replace('\n', '\\n')
        found = re.search(pattern(text), everything)
        if found and shown in exempt:
            print(f'{path}:{line}: has a case, and is in exempt.txt: {shown}')
            missing += 1
        if shown in exempt:
            exempt[shown] += 1
        elif not found:
            print(f'{path}:{line}: {shown}')
            missing += 1
    for text, used in exempt.items():
        if not used:
            print(f'tests/errors/exempt.txt: nothing says this: {text}')
            missing += 1
    print(f'{total} messages, {len(exempt)} exempt, {missing} to be seen to')
    return missing > 0


sys.exit(main())
