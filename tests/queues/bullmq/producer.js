// Does what each line of its input says, as an application does, and answers each with a line.
const { createInterface } = require("node:readline");
const { queue } = require("./queue.js");

const queues = {};
async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: what, queue: name, job, delay, priority, jobs, rate } = JSON.parse(line);
    const to = (queues[name] ??= queue(name));
    if (what === "pause") await to.pause();
    else if (what === "resume") await to.resume();
    else if (what === "limit") await (rate ? to.setGlobalRateLimit(rate, 60_000) : to.setGlobalConcurrency(jobs));
    else await to.add("task", { job }, { delay: delay && delay * 1000, priority, attempts: 1 });
    console.log("done");
  }
  process.exit(0);
}
main();
