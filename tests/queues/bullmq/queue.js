// What BullMQ 6, BullMQ 5 and Bull 4 share: LIBRARY names one of them.
const { hostname } = require("node:os");
const Redis = require("ioredis");

const { LIBRARY, PREFIX, REDIS_URL, NOTES_URL } = process.env;
const library = require(LIBRARY);
const isBull = LIBRARY === "bull";
const { port, hostname: host } = new URL(REDIS_URL);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const options = isBull ? { redis: { host, port: Number(port) } } : { connection };
if (PREFIX) options.prefix = PREFIX;

exports.isBull = isBull;
exports.queue = (name) => (isBull ? new library(name, options) : new library.Queue(name, options));

// A job that writes down what it does, and ends as it is asked to.
async function run(job) {
  const notes = new Redis(NOTES_URL);
  const name = job.data.job;
  await notes.rpush("started", `${name} ${hostname()}`);
  const [, end] = await notes.blpop(`end:${name}`, 0);
  await notes.rpush("ended", `${name} ${hostname()}`);
  notes.disconnect();
  if (end === "fail") throw new Error(name);
}

exports.work = (name, concurrency, workerName) => {
  if (isBull) return new library(name, options).process("task", concurrency, run);
  return new library.Worker(name, run, { ...options, concurrency, name: workerName, metrics: { maxDataPoints: 60 } });
};
