"""A job that writes down what it does, and ends as it is asked to; one of a burst ends at once."""

import os
import socket

import celery
import redis

app = celery.Celery("jobs", broker=os.environ["REDIS_URL"])
app.conf.broker_connection_retry_on_startup = True


@app.task
def run(name):
    # It waits for its end without an end: redis-py gives up after 5 s otherwise.
    notes = redis.Redis.from_url(os.environ["NOTES_URL"], socket_timeout=None)
    host = socket.gethostname()
    notes.rpush("started", f"{name} {host}")
    if not name.startswith("burst"):
        notes.blpop([f"end:{name}"])
    notes.rpush("ended", f"{name} {host}")
