# SPDX-License-Identifier: MIT
"""Results as JSON, as tables, and as a chart that gnuplot draws, where it is installed."""
import json
import shutil
import subprocess

from bench_models import MODELS

PEERS = {"torch": "PyTorch", "ort": "ONNX Runtime"}


def find(rows, model, what, large):
    """The row of inference of 1, or of a large batch."""
    for row in rows:
        if row["model"] == model and row["what"] == what and row["threads"] == 1 and (row["batch"] > 1) == large:
            return row
    return None


def figure(value, aim=None):
    if value is None:
        return "–"
    return "%.2f" % value + (" / %g" % aim if aim else "")


def best(row):
    return min(row["faster"].values()) if row and row["faster"] else None


def over(row, peer):
    return row["faster"].get(peer) if row else None


def summary(rows):
    """The figures and, behind a stroke, what is aimed at."""
    lines = ["| model | inference of 1: faster than the best peer by | of the bound | inference of 32: faster than ONNX Runtime by | of the bound | "
             "training of 32: faster than PyTorch by | of the bound |", "|---|---|---|---|---|---|---|"]
    for model in MODELS:
        one, many, train = find(rows, model, "infer", False), find(rows, model, "infer", True), find(rows, model, "train", True)
        if not (one or many or train):
            continue
        aims = MODELS[model].aims
        lines.append("| %s | %s | %s | %s | %s | %s | %s |" % (
            model, figure(best(one), aims[0]), figure(one and one["of_bound"], aims[1]), figure(over(many, "ort"), 1), figure(many and many["of_bound"]),
            figure(over(train, "torch"), aims[2]), figure(train and train["of_bound"], aims[3])))
    return lines


def details(rows):
    peers = [p for p in PEERS if any(p in row["ms"] for row in rows)]
    lines = ["| model | batch | threads | bound ms | dlc ms | of the bound | of what lasts | faster than one thread by |" +
             "".join(" %s ms | dlc faster by |" % PEERS[p] for p in peers), "|---|---|---|---|---|---|---|---|" + "---|---|" * len(peers)]
    for row in rows:
        bound = row["stream_bound_ms"] if row["stream_bound_ms"] and row["what"] == "infer" else row["bound_ms"]
        lines.append("| %s | %s of %d | %d | %.4g | %.4g | %.2f | %.2f | %s |" % (
            row["model"], "inference" if row["what"] == "infer" else "training", row["batch"], row["threads"], bound, row["ms"]["dlc"], row["of_bound"],
            row["of_lasting"], figure(row["times_one_thread"])) +
            "".join(" %.4g | %.2f |" % (row["ms"][p], row["faster"][p]) if p in row["ms"] else " – | – |" for p in peers))
    return lines


def heading(machine, rows):
    versions = {PEERS[p]: v for row in rows for p, v in row["versions"].items()}
    peaks = [row["peak_gflops"] for row in rows]
    return "%s, %d CPUs, peak of one %.0f GFLOP/s; %s; engine %s%s; %s." % (
        machine["processor"], machine["cpus"], max(peaks), machine["compiler"], machine["engine"],
        "".join("; %s %s" % v for v in versions.items()), machine["date"])


CHART = """set terminal svg size 960,420 font "sans-serif,12"
set output "%s"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set ylabel "of the bound"
set yrange [0:1]
set grid ytics
set key top right horizontal
plot %s
"""
BARS = [("infer", False, "inference of 1"), ("infer", True, "inference of 32"), ("train", True, "training")]


def chart(folder, rows):
    """Of one thread; none of more alone."""
    if not any(row["threads"] == 1 for row in rows):
        return
    if not shutil.which("gnuplot"):
        print("skipped: no gnuplot to draw bench.svg")
        return
    data = folder + "/bench.dat"
    bars = [bar for bar in BARS if any(find(rows, model, *bar[:2]) for model in MODELS)]     # gnuplot warns of one without data
    with open(data, "w") as f:
        for model in MODELS:
            columns = [find(rows, model, *bar[:2]) for bar in bars]
            if any(columns):
                f.write(model + "".join(" %.3f" % row["of_bound"] if row else " ?" for row in columns) + "\n")
    plots = ['"%s" using %d:xtic(1) title "%s"' % (data, i + 2, bar[2]) for i, bar in enumerate(bars)]
    subprocess.run(["gnuplot"], input=CHART % (folder + "/bench.svg", ", ".join(plots)), text=True, check=True)


def write_reports(folder, machine, rows):
    with open(folder + "/bench.json", "w") as f:
        json.dump({"machine": machine, "rows": rows}, f, indent=1)
    with open(folder + "/bench.md", "w") as f:
        f.write("\n".join([heading(machine, rows), ""] + summary(rows) + [""] + details(rows)) + "\n")
    chart(folder, rows)
    print("\n".join([""] + summary(rows)))
