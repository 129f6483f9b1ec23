// SPDX-License-Identifier: MIT
// `peer_ort.mjs MODEL.onnx THREADS` is to ONNX Runtime what calls.c is to dlc: the same lines go in and come out. The package
// onnxruntime-node is looked for in the folder BENCH_NODE (build/bench/node).
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(resolve(process.env.BENCH_NODE ?? 'build/bench/node', 'x.js'));
const { binding, initOrt } = require('onnxruntime-node/dist/binding.js');   // the native call itself, without promises around it
const { Tensor } = require('onnxruntime-node');

const wall = process.env.BENCH_CLOCK === 'wall';
function now() {    // milliseconds
  if (wall) return Number(process.hrtime.bigint()) * 1e-6;
  const used = process.cpuUsage();
  return (used.user + used.system) * 1e-3;
}

initOrt();
const session = new binding.InferenceSession();
session.loadModel(process.argv[2], {
  executionProviders: ['cpu'], graphOptimizationLevel: 'all', intraOpNumThreads: Number(process.argv[3]), interOpNumThreads: 1,
  executionMode: 'sequential',
});
const { name, type, shape } = session.inputMetadata[0];     // type 7 is int64
const size = shape.reduce((a, b) => a * b, 1);
const data = type === 7 ? BigInt64Array.from({ length: size }, () => BigInt(Math.floor(Math.random() * 10000)))
  : Float32Array.from({ length: size }, Math.random);
const feeds = { [name]: new Tensor(type === 7 ? 'int64' : 'float32', data, shape) };
const fetches = Object.fromEntries(session.outputMetadata.map((output) => [output.name, null]));
const run = () => session.run(feeds, fetches, {});

function measure(milliseconds) {    // the least and the median time of a call, in samples long enough for the clock
  run();
  let begin = now(), took = [], inner = 1;
  while (now() - begin < 0.5) { begin = now(); for (let i = 0; i < inner; i++) run(); if (now() - begin < 0.5) inner *= 2; }
  do {
    const start = now();
    for (let i = 0; i < inner; i++) run();
    took.push((now() - start) / inner);
  } while (now() - begin < milliseconds);
  took.sort((a, b) => a - b);
  return `${took[0].toFixed(6)} ${took[took.length >> 1].toFixed(6)}`;
}

for (let i = 0; i < 3; i++) run();
console.log(JSON.stringify({ version: require('onnxruntime-node/package.json').version, way: 'all optimizations' }));
for await (const line of createInterface({ input: process.stdin })) console.log(measure(Number(line)));
