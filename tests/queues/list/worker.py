"""A worker of a plain list. At SIGTERM it finishes the task in hand and takes no more."""

import os
import signal
import time

from redis import Redis

ends = False


def end(*_):
    global ends
    ends = True


def work(seconds):
    time.sleep(seconds)


signal.signal(signal.SIGTERM, end)
# redis-py gives up after 5 s otherwise.
queue = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
while not ends:
    # One that waits ends within 2 s. A task that it gets until then is finished, too.
    task = queue.brpop(["reports"], timeout=2)
    if task:
        work(int(task[1]))
