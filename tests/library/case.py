# SPDX-License-Identifier: MIT
"""Cases: a call of the library, and the same mathematics written with PyTorch or NumPy in double.

A family is a module of this folder (activations.py, losses.py, ...). Its cases are functions below a decorator of this file,
which holds the call; the function has the formula. make.py turns a family into cases/FAMILY.dl, a model for each case, and
cases/FAMILY.safetensors: what each is given and what it has to compute. dlc has no part in these numbers."""
import inspect
import zlib

import numpy as np
import torch

torch.set_default_dtype(torch.float64)


class Case:
    """name, text (a model named case_NAME), given and expected: arrays by the names library.c knows."""

    def __init__(self, name):
        self.name, self.text, self.given, self.expected = name, "", {}, {}

    def draw(self, key, shape, scale=1.0):
        """Normal numbers, the same for the same case and key, as an f32 holds them."""
        numbers = np.random.RandomState(zlib.crc32(f"{self.name} {key}".encode()))
        return as_f32(scale * numbers.standard_normal(shape))

    def give(self, key, value):
        self.given[key] = np.asarray(value)
        return torch.tensor(self.given[key])

    def expect(self, key, value):
        self.expected[key] = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value, dtype=np.float64)


def as_f32(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def family(module):
    """The cases of a module, in their order."""
    makers = [f for f in vars(module).values() if hasattr(f, "make_case")]
    return [f.make_case() for f in sorted(makers, key=lambda f: f.line)]


def decorated(function, make):
    function.make_case = lambda: make(Case(function.__name__))
    function.line = inspect.getsourcelines(function)[1]
    return function


def type_text(dtype, shape):
    return f"{dtype}[{', '.join(map(str, shape))}]" if len(shape) else dtype


def python_name(param):
    """it.query.kernel is the argument query_kernel."""
    return param.removeprefix("it.").replace(".", "_")


# ---- layers, activations, losses, metrics: functions of tensors -------------------------------------------------------------

def layer(call, *, head="", setup="", params=None, states=None, ints=None, batch=3, gradients=True, **inputs):
    """A call of float inputs (a shape of one example, or numbers with the examples in front), `ints` ((shape, limit), or
    numbers), parameters and states of the layer called as `it` (shapes or numbers, by name: "it.kernel"). The function takes
    them by keyword, the examples in front, and gives what the call gives, a tuple where it gives several or is a list of
    calls; one with a parameter `training` is told whether it is, one with `draw` is given a function from a path and a shape to the
    uniform numbers of every example that random(shape) gives there in the first step of training, or None outside of training. With
    states it gives a pair: the result, and the states' new values by name.

    Expected: the outputs of inference, and in training the loss, the mean over the examples of a sum weighted by drawn
    numbers, its gradient by every float input and parameter, and the states after one step. `head`: definitions in front of
    the model; `setup`: statements in front of the call."""
    params, states, ints = params or {}, states or {}, ints or {}

    def make(case, function):
        values, leaves, lines = {}, {}, ["input example: i32"]
        for name, shape in inputs.items():
            x = as_f32(shape) if isinstance(shape, np.ndarray) else case.draw(name, (batch, *shape))
            lines += [f"param all_{name}: {type_text('f32', x.shape)} = zeros()", f"{name} = all_{name}[example]"]
            leaves[f"all_{name}"] = values[name] = case.give(f"all_{name}", x).requires_grad_(gradients)
        for name, shape in ints.items():
            numbers = np.random.RandomState(zlib.crc32(name.encode()))
            x = shape if isinstance(shape, np.ndarray) else numbers.randint(0, shape[1], (batch, *shape[0]))
            lines.append(f"input {name}: {type_text('i32', x.shape[1:])}")
            case.give(name, x.astype(np.int32))
            values[name] = torch.tensor(x, dtype=torch.long)
        for name, shape in params.items():
            x = as_f32(shape) if isinstance(shape, np.ndarray) else case.draw(name, shape, 0.5)
            leaves[name] = values[python_name(name)] = case.give(name, x).requires_grad_(gradients)
        for name, shape in states.items():
            x = as_f32(shape) if isinstance(shape, np.ndarray) else abs(case.draw(name, shape)) + 0.5
            values[python_name(name)] = case.give(name, x)
        examples = len(next(iter(values.values()))) if inputs or ints else batch
        case.give("example", np.arange(examples, dtype=np.int32))
        draw = lambda path, shape: torch.tensor(uniform_draws(path, (examples, *shape), step=1))

        def run(training):
            known = {"training": training, "draw": draw if training else None}
            return function(**values, **{name: x for name, x in known.items() if name in inspect.signature(function).parameters})

        as_tuple = lambda y: y if isinstance(y, tuple) else (y,)
        result = as_tuple(run(False)[0] if states else run(False))
        names = [f"y{i}" for i in range(len(result))] if len(result) > 1 else ["y"]
        for name, y in zip(names, result):
            case.expect(f"output.{name}_out", y)
        lines += filter(None, setup.strip().split("\n"))
        calls = call if isinstance(call, list) else [call]
        lines += [f"{name} = {one}" for name, one in zip(names, calls)] if len(calls) > 1 else [f"{', '.join(names)} = {call}"]
        lines += [f"output {name}_out = {name}" for name in names]
        if gradients:
            lines.append("train {")
            result, after = run(True) if states else (run(True), {})
            loss = 0
            for name, y in zip(names, as_tuple(result)):
                probe = case.give(f"probe_{name}", case.draw(f"probe_{name}", y.shape))
                loss = loss + (y * probe).sum() / examples
                lines.append(f"    target probe_{name}: {type_text('f32', y.shape[1:])}")
            lines.append(f"    loss = {' + '.join(f'sum({name} * probe_{name})' for name in names)}")
            lines += ["    optimizer sgd()", "}"]
            loss.backward()
            case.expect("gradient.loss", loss)
            for name, x in leaves.items():
                case.expect(f"gradient.{name}", x.grad)
            for name, x in after.items():
                case.expect(f"after.{name}", x)
        case.text = model(case, lines, head)
        return case

    return lambda function: decorated(function, lambda case: make(case, function))


def model(case, lines, head=""):
    head = inspect.cleandoc(head) + "\n\n" if head else ""
    return head + f"model case_{case.name} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


# ---- optimizers: steps on two parameters ------------------------------------------------------------------------------------

def optimizer(call, *, steps=10, train="", penalty=None, clip=None):
    """The function is one step on one parameter: (p, gradient, step from 1, a dict of its own that begins empty) to the new p,
    in NumPy. `train`: further lines of the train block, `penalty(v, w)` what they add to the loss, `clip` what they make of the
    list of gradients. Expected: the loss at every step, and the parameters after them.

    The loss is the mean over the examples of sum(c * (w - t) ^ 2 + c / 8 * (w - t) ^ 4) for both parameters; some elements'
    gradient is 0 throughout, and the two gradients' sizes differ."""

    def make(case, function):
        shapes = {"w": (6,), "v": (2, 3)}
        lines, sums = ["input unused: f32"], []
        p, state = {}, {name: {} for name in shapes}
        case.give("unused", np.zeros(2, dtype=np.float64))
        train_lines = []
        for name, shape in shapes.items():
            c = abs(case.draw(f"c{name}", (2, *shape))) * (1 if name == "w" else 0.1)
            c[..., 0] = 0
            p[name] = case.give(name, case.draw(name, shape)).numpy().copy()
            case.give(f"c{name}", as_f32(c)), case.give(f"t{name}", case.draw(f"t{name}", (2, *shape)))
            lines.append(f"param {name}: {type_text('f32', shape)} = zeros()")
            train_lines += [f"    target c{name}: {type_text('f32', shape)}", f"    target t{name}: {type_text('f32', shape)}"]
            sums.append(f"sum(c{name} * (({name} - t{name}) ^ 2 + ({name} - t{name}) ^ 4 / 8))")
        lines += ["output unused_out = unused", "train {"] + train_lines + ["    loss = " + " + ".join(sums)]
        lines += [f"    {line}" for line in train.strip().split("\n") if line] + [f"    optimizer {call}", "}"]

        def loss_of(p):
            total = 0
            for name in shapes:
                c, t = (torch.tensor(case.given[k + name]) for k in "ct")
                d = p[name] - t
                total = total + (c * (d ** 2 + d ** 4 / 8)).sum() / 2
            return total + (penalty(p["v"], p["w"]) if penalty else 0)

        losses = []
        for step in range(1, steps + 1):
            leaf = {name: torch.tensor(x, requires_grad=True) for name, x in p.items()}
            loss = loss_of(leaf)
            loss.backward()
            losses.append(loss.item())
            gradients = [leaf[name].grad.numpy() for name in shapes]
            gradients = clip(gradients) if clip else gradients
            for name, gradient in zip(shapes, gradients):
                p[name] = function(p[name], gradient, step, state[name])
        case.expect("step.loss", losses)
        for name in shapes:
            case.expect(f"after.{name}", p[name])
        case.text = model(case, lines)
        return case

    return lambda function: decorated(function, lambda case: make(case, function))


def schedule(call, *, steps=12):
    """An expression over `step`: the function gives its value at a step, from 1. The model's parameter becomes that value at each
    step, and its loss shows it at the next."""

    def make(case, function):
        values = [float(function(step)) for step in range(1, steps + 1)]
        case.give("w", np.zeros(()))
        case.give("unused", np.zeros(2))
        case.expect("step.loss", [0.0] + values[:-1])
        case.expect("after.w", values[-1])
        case.text = model(case, ["input unused: f32", "param w: f32 = zeros()", "output unused_out = unused", "train {", "    loss = w",
                                 f"    optimizer case_assign({call})", "}"])
        return case

    return lambda function: decorated(function, lambda case: make(case, function))


# ---- metrics ----------------------------------------------------------------------------------------------------------------

def metric(call, *, ints=None, batch=3, **inputs):
    """A metric over a batch, from inputs as layer() takes them; the function gives one number, over all examples."""

    def make(case, function):
        values, lines = {}, []
        for name, shape in inputs.items():
            x = as_f32(shape) if isinstance(shape, np.ndarray) else case.draw(name, (batch, *shape))
            lines.append(f"input {name}: {type_text('f32', x.shape[1:])}")
            values[name] = case.give(name, x)
        for name, (shape, limit) in (ints or {}).items():
            numbers = np.random.RandomState(zlib.crc32(name.encode()))
            values[name] = case.give(name, numbers.randint(0, limit, (batch, *shape)).astype(np.int32)).long()
            lines.append(f"input {name}: {type_text('i32', shape)}")
        case.give("w", np.zeros(()))
        case.expect("metric.value", function(**values))
        case.text = model(case, lines + ["param w: f32 = zeros()", "output unused_out = w", "train {", "    loss = w",
                                         f"    metric value = {call}", "    optimizer sgd()", "}"])
        return case

    return lambda function: decorated(function, lambda case: make(case, function))


# ---- initial values ---------------------------------------------------------------------------------------------------------

def philox(seed, salt, count, step):
    """`count` uniform numbers as runtime/dl_random.h documents them: Philox4x32-10 (Salmon and others, SC 2011)."""
    mask = np.uint64(0xFFFFFFFF)
    n = (count + 3) // 4
    c = [np.arange(n, dtype=np.uint64), np.full(n, salt, np.uint64), np.full(n, step, np.uint64), np.zeros(n, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & mask, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return (np.stack(c, 1).reshape(-1)[:count] >> np.uint64(8)) * 2.0 ** -24


def uniform_draws(path, shape, number=0, seed=1, step=0):
    """What random(shape) gives as draw `number` of the instance at `path`: its salt is the FNV-1a hash of "path#number", folded."""
    h = 0xCBF29CE484222325
    for byte in f"{path}#{number}".encode():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return philox(seed, (h ^ h >> 32) & 0xFFFFFFFF, int(np.prod(shape)), step).reshape(shape)


def initializer(call, shape, draws=None):
    """The value of a parameter w after init with seed 1. The function takes the shape and, where `draws` is given, a function from a
    shape to uniform numbers in [0, 1): those drawn by the call at that path below w, "uniform_1" in the case of uniform()."""

    def make(case, function):
        case.give("unused", np.zeros(1))
        case.expect("init.w", function(shape, *([lambda shape: uniform_draws(f"w.{draws}", shape)] if draws else [])))
        case.text = model(case, ["input unused: f32", f"param w: {type_text('f32', shape)} = {call}", "output unused_out = unused"])
        return case

    return lambda function: decorated(function, lambda case: make(case, function))


def initial(call, **inputs):
    """The parameters of a layer called as `it`, after init with seed 1. The function takes a function from a path and a shape to
    uniform numbers, and gives the parameters by name; `inputs` are shapes."""

    def make(case, function):
        case.give("unused", np.zeros(1))
        for name, value in function(lambda path, shape: uniform_draws(path, shape)).items():
            case.expect(f"init.{name}", value)
        lines = ["input unused: f32"] + [f"{name} = full(0, {list(shape)})" for name, shape in inputs.items()]
        case.text = model(case, lines + [f"y = {call}", "output unused_out = y"])
        return case

    return lambda function: decorated(function, lambda case: make(case, function))
