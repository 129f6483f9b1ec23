// SPDX-License-Identifier: MIT
// wasm.mjs PROGRAM.wasm [ARGUMENT...]: runs a program for metal.h in node. What the module wants of the world is here, in terms of node's files.
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";

const [path, ...given] = process.argv.slice(2);
let memory;
const bytes = (at, n) => new Uint8Array(memory.buffer, at, n);
const text = (at) => {
    const all = new Uint8Array(memory.buffer, at);
    return new TextDecoder().decode(all.subarray(0, all.indexOf(0)));
};

const env = {
    metal_exit: (status) => process.exit(status),
    metal_open: (at, write) => {
        try {
            return openSync(text(at), write ? "w" : "r");
        } catch {
            return -1;
        }
    },
    metal_close: (file) => closeSync(file),
    metal_length: (file) => fstatSync(file).size,
    metal_read: (file, at, n) => readSync(file, bytes(at, n)),
    metal_write: (file, at, n) => writeSync(file, bytes(at, n)),
};

const { instance } = await WebAssembly.instantiate(readFileSync(path), { env });
memory = instance.exports.memory;

// The arguments, and the array of where they are, in memory of their own behind the program's.
const words = ["program", ...given].map((word) => new TextEncoder().encode(word + "\0"));
let at = memory.grow(1 + Math.ceil(words.reduce((n, word) => n + word.length + 4, 0) / 65536)) * 65536;
const argv = at;
at += 4 * words.length;
words.forEach((word, i) => {
    new DataView(memory.buffer).setUint32(argv + 4 * i, at, true);
    bytes(at, word.length).set(word);
    at += word.length;
});
process.exit(instance.exports.metal_main(words.length, argv));
