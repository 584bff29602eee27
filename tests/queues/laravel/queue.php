<?php
// The queues of Laravel without an application: REDIS_URL names the server, PREFIX the prefix of its keys.
require_once '/usr/share/php/Illuminate/autoload.php';

use Illuminate\Container\Container;
use Illuminate\Events\Dispatcher;
use Illuminate\Queue\Capsule\Manager;
use Illuminate\Redis\RedisManager;

function redis_of(string $url): Redis
{
    ['host' => $host, 'port' => $port] = parse_url($url);
    $redis = new Redis();
    $redis->connect($host, $port);
    $redis->setOption(Redis::OPT_READ_TIMEOUT, -1);
    return $redis;
}

// A job that writes down what it does, and ends as it is asked to.
class Job
{
    public function fire($job, $data)
    {
        $notes = redis_of(getenv('NOTES_URL'));
        $name = $data['job'];
        $notes->rPush('started', "$name " . gethostname());
        [, $end] = $notes->blPop("end:$name", 0);
        $notes->rPush('ended', "$name " . gethostname());
        $end === 'fail' ? throw new Exception($name) : $job->delete();
    }
}

$container = new Container();
Container::setInstance($container);
$container->instance('events', new Dispatcher($container));
['host' => $host, 'port' => $port] = parse_url(getenv('REDIS_URL'));
$container->singleton('redis', fn () => new RedisManager($container, 'phpredis', [
    'options' => ['prefix' => getenv('PREFIX')],
    'default' => ['host' => $host, 'port' => $port, 'database' => 0, 'read_timeout' => 60],
]));
$queue = new Manager($container);
$block = getenv('BLOCK_FOR');
$queue->addConnection([
    'driver' => 'redis', 'connection' => 'default', 'queue' => 'default', 'retry_after' => 30,
    'block_for' => $block ? (int) $block : null,
]);
return [$container, $queue];
