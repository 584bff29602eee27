"""A worker of the queues that its arguments name."""

import os
import sys

import redis
from rq import Worker

Worker(sys.argv[1:], connection=redis.Redis.from_url(os.environ["REDIS_URL"])).work(logging_level="CRITICAL")
