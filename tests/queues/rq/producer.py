"""Does what each line of its input says, as an application does, and answers each with a line."""

import json
import os
import sys
from datetime import timedelta

import redis
from rq import Queue, suspension

connection = redis.Redis.from_url(os.environ["REDIS_URL"])
for line in sys.stdin:
    what = json.loads(line)
    if what["do"] == "pause":
        suspension.suspend(connection)
    elif what["do"] == "resume":
        suspension.resume(connection)
    elif "delay" in what:
        Queue(what["queue"], connection=connection).enqueue_in(
            timedelta(seconds=what["delay"]), "jobs.run", what["job"]
        )
    else:
        Queue(what["queue"], connection=connection).enqueue("jobs.run", what["job"])
    print("done", flush=True)
