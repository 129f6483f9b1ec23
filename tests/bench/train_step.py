"""dlc's training step against PyTorch's, both on one thread and the same CPU, in turn: `train_step.py [MODEL [BATCH [LENGTH [LIMIT]]]]`,
run from the project's folder. Prints the medians and their ratio; fails when dlc takes more than LIMIT times as long. Exits with 77
where there is no PyTorch. BUILD says where dlc is built; PEER_PYTHON which python has PyTorch."""
import os
import statistics
import subprocess
import sys

ROUNDS, STEPS = 12, 15


def start(*command):
    return subprocess.Popen(["taskset", "-c", os.environ.get("BENCH_CPU", "0"), *command],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def median(peer, steps):
    peer.stdin.write("%d\n" % steps)
    peer.stdin.flush()
    return float(peer.stdout.readline())


def main():
    model, batch, length, limit = (sys.argv[1:] + ["cnn", "32", "32", "1.5"][len(sys.argv) - 1:])[:4]
    here, build = os.path.dirname(os.path.abspath(__file__)), os.environ.get("BUILD", "build")
    python = os.environ.get("PEER_PYTHON", "/usr/bin/python3")
    if subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
        print("no PyTorch for %s" % python)
        sys.exit(77)
    sizes = [] if model == "cnn" else ["LENGTH=" + length]
    ours = start(build + "/bench/step", "dsl_examples/%s.dl" % model, batch, "cc", *sizes)
    theirs = start(python, os.path.join(here, "peer_torch.py"), model, batch, length)
    for peer in (ours, theirs):
        median(peer, 10)
    rounds = [(median(ours, STEPS), median(theirs, STEPS)) for _ in range(ROUNDS)]
    a, b = (statistics.median(column) for column in zip(*rounds))
    ratio = statistics.median(x / y for x, y in rounds)
    print("%s, batch %s, one thread: dlc %.3f ms, PyTorch %.3f ms; dlc takes %.2f times as long (from round to round %.2f to %.2f)" %
          (model, batch, a, b, ratio, min(x / y for x, y in rounds), max(x / y for x, y in rounds)))
    for peer in (ours, theirs):
        peer.stdin.close()
        peer.wait()
    sys.exit(ratio > float(limit))


main()
