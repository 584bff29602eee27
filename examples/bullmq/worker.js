// The worker, and the settings that matter on Kubernetes.
const { hostname } = require("node:os");
const { setTimeout: wait } = require("node:timers/promises");
const { Worker } = require("bullmq");

const worker = new Worker("mail", async (job) => wait(job.data.seconds * 1000), {
  connection: { url: process.env.REDIS_URL, maxRetriesPerRequest: null },
  // Each pod runs so many jobs at once.
  concurrency: 2,
  // By this the operator knows which pod is busy: without it, it cannot remove the idle ones first.
  name: hostname(),
});
worker.on("error", (error) => console.error(error.message));

// Without this a pod's end interrupts its jobs; they run again once another worker finds them stalled, after 30 s.
process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
