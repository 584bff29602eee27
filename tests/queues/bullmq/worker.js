// A worker of the queue that its first argument names; the second is its concurrency.
const { hostname } = require("node:os");
const { work } = require("./queue.js");

const [, , name, concurrency] = process.argv;
work(name, Number(concurrency), process.env.UNNAMED ? undefined : hostname());
