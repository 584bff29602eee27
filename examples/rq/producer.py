"""producer.py COUNT SECONDS: queues COUNT jobs that take SECONDS each."""
import os
import sys

from redis import Redis
from rq import Queue, Retry

from jobs import work

count, seconds = map(int, sys.argv[1:])
queue = Queue("default", connection=Redis.from_url(os.environ["REDIS_URL"]))
for _ in range(count):
    # A job that takes longer than job_timeout is ended (180 s by default); one whose worker died is tried again.
    queue.enqueue(work, seconds, job_timeout=240, retry=Retry(max=3))
