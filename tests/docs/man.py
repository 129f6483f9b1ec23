#!/usr/bin/env python3
"""docs/dlc.1 from what the commands say of themselves: man.py DLC > docs/dlc.1. Facts stand in the tables of options in compiler/commands;
here is only what has no other place."""
import re
import subprocess
import sys
import textwrap

dlc = sys.argv[1]


def help_of(*words):
    return subprocess.run([dlc, *words, "--help"], check=True, capture_output=True, text=True).stdout


def lines_of(text):
    """Text as lines of a manual page: a sentence begins a line, none is longer than 78 columns, none looks like a macro."""
    text = text.replace("\\", "\\e")
    for sentence in re.split(r"(?<=[.?!:]) +(?=[A-Z0-9`-])", text):
        for line in textwrap.wrap(sentence, 78, break_long_words=False, break_on_hyphens=False):
            yield "\\&" + line if line[0] in ".'" else line


def paragraphs(lines):
    for i, paragraph in enumerate(filter(None, (" ".join(p.split()) for p in "\n".join(lines).split("\n\n")))):
        if i:
            yield ".Pp"
        yield from lines_of(paragraph)


def options(lines):
    """Rows of an option table: two blanks, the flags, what they do from column 28 on, there or in the lines below."""
    yield ".Bl -tag -width Ds"
    flags, does = "", ""
    for line in lines + ["  "]:
        if line.startswith(" " * 28):
            does += " " + line.strip()
            continue
        if flags:
            yield ".It " + flags
            yield from lines_of(does.strip())
        flags, does = (re.split(r"  +", line.strip(), maxsplit=1) + [""])[:2]
    yield ".El"


def section(*words):
    text = help_of(*words)
    lines = text[text.index("usage: dlc") + len("usage: "):].rstrip().split("\n")
    blank, table = lines.index(""), lines.index("options:")
    end = next((i for i in range(table, len(lines)) if not lines[i]), len(lines))
    yield ".Ss " + " ".join(("dlc",) + words)
    yield ".Bd -literal -compact"
    yield from (line.strip() for line in lines[:blank])
    yield ".Ed"
    yield ".Pp"
    yield from paragraphs(lines[blank + 1:table])
    yield from options(lines[table + 1:end])
    yield from paragraphs(lines[end + 1:])


def sections():
    yield from section()
    for command in re.findall(r"^  ([a-z]+) ", help_of(), re.M):
        if command == "data":
            for kind in re.findall(r"dlc data ([a-z]+)", help_of("data")):
                yield from section("data", kind)
        else:
            yield from section(command)


print(r""".\" Made by tests/docs/man.py: make docs/dlc.1
.Dd November 26, 2026
.Dt DLC 1
.Os
.Sh NAME
.Nm dlc
.Nd deep-learning models, compiled to C
.Sh SYNOPSIS
.Nm
.Op options
.Ar MODEL.dl
.Fl o Ar MODEL.c
.Nm
.Ar command
.Op options
.Ar ...
.Sh DESCRIPTION
Compiles a description of a neural network to plain C for inference, and with
.Fl -train
for training, which needs no library and allocates no memory.
Its other commands train, evaluate and run models in memory, verify compiled
code, and show what the compiler does.
.Pp
Messages and progress go to standard error, results to standard output.
A file is written beside its name and renamed when it is whole.
.Sh COMMANDS""")
print("\n".join(sections()))
print(r""".Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev CC
the compiler of
.Fl -jit Cm cc
.It Ev XDG_CACHE_HOME
where it keeps what it has compiled, in a folder
.Pa dlc
that only its owner may enter; else
.Pa ~/.cache
.It Ev TMPDIR
where compilers leave their temporary files
.El
.Sh EXIT STATUS
.Bl -tag -width Ds
.It 0
done
.It 1
a wrong model, or data or files that cannot be used
.It 2
a wrong command line
.El
.Sh EXAMPLES
A network in a C program:
.Bd -literal -offset indent
dlc data digits digits
dlc train cnn.dl --data digits --epochs 3 -o cnn.safetensors
dlc cnn.dl --weights cnn.safetensors -o cnn.c --report
.Ed
.Pp
Training on the device:
.Bd -literal -offset indent
dlc cnn.dl --train --train-batch 8 -o cnn.c
.Ed
.Sh SEE ALSO
.Xr gcc 1 ,
.Xr tcc 1""")
