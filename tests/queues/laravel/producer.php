<?php
// Does what each line of its input says, as an application does, and answers each with a line.
[, $queue] = require __DIR__ . '/queue.php';
while ($line = fgets(STDIN)) {
    $what = json_decode($line, true);
    isset($what['delay'])
        ? $queue->getConnection()->later($what['delay'], 'Job', ['job' => $what['job']], $what['queue'])
        : $queue->getConnection()->push('Job', ['job' => $what['job']], $what['queue']);
    echo "done\n";
}
