"""A job that writes down what it does, and ends as it is asked to."""

import os
import socket

import redis


def run(name):
    # It waits for its end without an end: redis-py gives up after 5 s otherwise.
    notes = redis.Redis.from_url(os.environ["NOTES_URL"], socket_timeout=None)
    host = socket.gethostname()
    notes.rpush("started", f"{name} {host}")
    _, end = notes.blpop([f"end:{name}"])
    notes.rpush("ended", f"{name} {host}")
    if end == b"fail":
        raise RuntimeError(name)
