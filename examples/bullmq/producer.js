// producer.js COUNT SECONDS: queues COUNT jobs that take SECONDS each.
const { Queue } = require("bullmq");

const [count, seconds] = process.argv.slice(2).map(Number);
const queue = new Queue("mail", { connection: { url: process.env.REDIS_URL } });
const jobs = Array.from({ length: count }, () => ({ name: "work", data: { seconds } }));
queue.addBulk(jobs).then(() => queue.close());
