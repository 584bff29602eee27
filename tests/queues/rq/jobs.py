"""A job that writes down what it does, and ends as it is asked to."""

import os
import socket

import redis


def run(name):
    notes = redis.Redis.from_url(os.environ["NOTES_URL"])
    host = socket.gethostname()
    notes.rpush("started", f"{name} {host}")
    _, end = notes.blpop([f"end:{name}"])
    notes.rpush("ended", f"{name} {host}")
    if end == b"fail":
        raise RuntimeError(name)
