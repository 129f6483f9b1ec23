# SPDX-License-Identifier: MIT
"""dlc against PyTorch and ONNX Runtime, where these are installed, and against what the machine can do. Run from the project's folder, as
`make bench` does; --help has the choices. All take turns on the same CPUs, in many short rounds; times are the least of all rounds. Several threads
take turns with one.
Writes bench.json, bench.md and bench.svg."""
import argparse
import json
import os
import platform
import subprocess
import sys
import time

from bench_models import MODELS, bound_seconds
from bench_report import write_reports

HERE, BUILD = os.path.dirname(os.path.abspath(__file__)), os.environ.get("BUILD", "build")
PYTHON = os.environ.get("PEER_PYTHON", "/usr/bin/python3")
NODE = os.path.abspath(os.environ.get("BENCH_NODE", BUILD + "/bench/node"))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", default=" ".join(MODELS), help="words of: %(default)s")
    p.add_argument("--what", default="infer1 infer32 train32", help="infer or train with a batch (%(default)s)")
    p.add_argument("--threads", default="1", help="words of: 1 2")
    p.add_argument("--engine", default="cc", help="dlc's: cc, cc:TARGET, tcc; CC chooses the compiler")
    p.add_argument("--peers", default="torch ort", help="words of: %(default)s; none with an empty one")
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--ms", type=float, default=60, help="of one in a round (%(default)s)")
    p.add_argument("--out", default=BUILD + "/bench", help="where results go (%(default)s)")
    p.add_argument("--least", type=float, default=0, help="fail when dlc is not so many times as fast as the best peer")
    return p.parse_args()


class Contestant:
    """A process that is told for how many milliseconds to make calls, and answers with the least and the median time of one."""
    def __init__(self, name, command, cpus, environment):
        self.name, self.rounds, begin = name, [], time.monotonic()
        self.process = subprocess.Popen(["taskset", "-c", cpus, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **environment})
        line = self.process.stdout.readline()
        self.facts = json.loads(line) if line else None     # None: it could not begin, and has said why
        self.start_seconds = time.monotonic() - begin

    def round(self, ms):
        self.process.stdin.write("%g\n" % ms)
        self.process.stdin.flush()
        self.rounds.append([float(x) for x in self.process.stdout.readline().split()])

    def best(self):
        return min(least for least, _ in self.rounds)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def lanes(engine):
    """[floats in a vector of the target of cc:TARGET]; [] where all that this machine has counts."""
    for line in subprocess.run([BUILD + "/dlc", "targets"], stdout=subprocess.PIPE, text=True).stdout.split("\n"):
        if line.split()[:1] == engine.split(":")[1:]:
            return line.split()[1:2]
    return []


class Probe:
    """The machine's peak, in bursts and as it lasts for a call, and how fast arrays of some sizes are read, over all rounds."""
    def __init__(self, cpus, engine):
        self.peak, self.lasting, self.read = 0, 0, {}
        self.process = subprocess.Popen(["taskset", "-c", cpus.split(",")[0], BUILD + "/bench/peak", "-", *lanes(engine)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self, call, ms, sizes):
        self.process.stdin.write("%g %g %s\n" % (call, ms, " ".join(str(kib) for kib in sizes)))
        self.process.stdin.flush()
        peak, lasting, *read = (float(x) for x in self.process.stdout.readline().split())
        self.peak, self.lasting = max(self.peak, peak), max(self.lasting, lasting)
        for kib, gb in zip(sizes, read):
            self.read[kib] = max(self.read.get(kib, 0), gb)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def installed(peers):
    """Those of the peers that are; says so of the others."""
    tests = {"torch": [PYTHON, "-c", "import torch"], "ort": ["node", "-e", "require(%s)" % json.dumps(NODE + "/node_modules/onnxruntime-node")]}
    found = []
    for peer in peers.split():
        try:
            there = subprocess.run(tests[peer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        except FileNotFoundError:
            there = False
        if there:
            found.append(peer)
        else:
            print("skipped: %s is not installed" % peer)
    return found


def peer_command(peer, model, what, batch, threads):
    """None where the peer does not do that. ONNX Runtime is given what PyTorch exports."""
    if peer == "torch":
        return [PYTHON, HERE + "/peer_torch.py", model, what, str(batch), str(threads)]
    path = "%s/bench/%s_%d.onnx" % (BUILD, model, batch)
    if what == "train":
        return None
    if not os.path.exists(path) and subprocess.run(
            [PYTHON, HERE + "/peer_torch.py", "--export", model, str(batch), path], stderr=subprocess.DEVNULL).returncode:
        print("skipped: no PyTorch to write %s" % path)
        return None
    return ["node", HERE + "/peer_ort.mjs", path, str(threads)]


def compete(model, what, batch, threads, peers, args):
    """One row of results, or None where dlc cannot."""
    cpus = ",".join(str(int(os.environ.get("BENCH_CPU", "0")) + i) for i in range(threads))
    environment = {"BENCH_CLOCK": "cpu" if args.threads == "1" else "wall", "BENCH_NODE": NODE, "BENCH_THREADS": str(threads)}
    if threads > 1 and MODELS[model].recurrent:
        environment.update(OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="passive")     # or PyTorch's two pools fight each other
    sizes = ["%s=%s" % setting for setting in MODELS[model].sizes.items()]
    command = [BUILD + "/bench/calls", MODELS[model].file, what, str(batch), args.engine, *sizes]
    ours = Contestant("dlc", command, cpus, environment)
    if not ours.facts:
        return None
    alone = [Contestant("one thread", command, cpus.split(",")[0], {**environment, "BENCH_THREADS": "1"})] if threads > 1 else []
    commands = [(peer, peer_command(peer, model, what, batch, threads)) for peer in peers]
    others = [Contestant(peer, command, cpus, environment) for peer, command in commands if command]
    for peer in others:
        if peer.facts and peer.facts.get("parameters", ours.facts["parameters"]) != ours.facts["parameters"]:
            sys.exit("%s: %s has %d parameters and dlc %d" % (model, peer.name, peer.facts["parameters"], ours.facts["parameters"]))
    others = [c for c in others if c.facts]
    running, probe = [ours, *alone, *others], Probe(cpus, args.engine)
    levels = sorted({s["among"] // 1024 for s in ours.facts["streams"]}) if MODELS[model].streams and batch == 1 else []
    for _ in range(args.rounds):
        for contestant in running:
            contestant.round(args.ms)
        probe.round(ours.best(), args.ms, levels)
    probe.close()
    for contestant in running:
        contestant.close()
    bound, stream = bound_seconds(ours.facts, probe.peak, probe.read)
    of_bound, of_lasting = ((s if levels and what == "infer" else b) * 1e3 / ours.best() / threads
                            for b, s in ((bound, stream), bound_seconds(ours.facts, probe.lasting, probe.read)))
    return {
        "model": model, "what": what, "batch": batch, "threads": threads, "engine": args.engine, "macs": ours.facts["macs"],
        "peak_gflops": probe.peak, "lasting_gflops": probe.lasting, "read_gb_s": probe.read, "bound_ms": bound * 1e3, "stream_bound_ms": stream * 1e3 if levels else None,
        "of_bound": of_bound, "of_lasting": of_lasting, "start_seconds": ours.start_seconds, "ms": {c.name: c.best() for c in running},
        "faster": {c.name: c.best() / ours.best() for c in others}, "rounds": {c.name: c.rounds for c in running},
        "times_one_thread": alone[0].best() / ours.best() if alone else None,
        "ways": {c.name: c.facts.get("way") for c in others}, "versions": {c.name: c.facts["version"] for c in others},
    }


def machine(args):
    with open("/proc/cpuinfo") as f:
        names = [line.split(":")[1].strip() for line in f if line.startswith("model name")]
    cc = subprocess.run([os.environ.get("CC", "cc"), "--version"], stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]
    return {"processor": names[0] if names else platform.machine(), "cpus": os.cpu_count(), "compiler": cc, "engine": args.engine,
            "system": platform.platform(), "load": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d")}


def main():
    args = arguments()
    peers, rows, slow = installed(args.peers), [], False
    for folder in (BUILD + "/bench", args.out):
        os.makedirs(folder, exist_ok=True)
    for model in args.models.split():
        for job in args.what.split():
            for threads in args.threads.split():
                what, batch = job[:5], min(int(job[5:]), MODELS[model].most[job[:5]])
                row = compete(model, what, batch, int(threads), peers, args)
                if not row:
                    sys.exit("%s: dlc failed" % model)
                rows.append(row)
                compared = ["%s %.4f ms (%.2f)" % (p, row["ms"][p], f) for p, f in row["faster"].items()]
                if row["times_one_thread"]:
                    compared.insert(0, "one thread %.4f ms (%.2f)" % (row["ms"]["one thread"], row["times_one_thread"]))
                print("%-12s%s %2d, threads %s: dlc %9.4f ms, %.2f of the bound, %.2f of what lasts; %s" % (
                    model, what, batch, threads, row["ms"]["dlc"], row["of_bound"], row["of_lasting"], ", ".join(compared)), flush=True)
                slow = slow or bool(row["faster"]) and min(row["faster"].values()) < args.least
    write_reports(args.out, machine(args), rows)
    sys.exit(1 if slow else 0)


main()
