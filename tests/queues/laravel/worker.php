<?php
// A worker of the queue that its argument names, as `artisan queue:work` runs it.
[$container, $queue] = require __DIR__ . '/queue.php';

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Queue\Worker;
use Illuminate\Queue\WorkerOptions;

$quiet = new class implements ExceptionHandler {
    public function report(Throwable $error) {}
    public function shouldReport(Throwable $error) { return false; }
    public function render($request, Throwable $error) { throw $error; }
    public function renderForConsole($output, Throwable $error) {}
};
$worker = new Worker($queue->getQueueManager(), $container['events'], $quiet, fn () => false);
$options = new WorkerOptions('default', 0, 128, 600, 1, 1);
$worker->daemon('default', $argv[1], $options);
