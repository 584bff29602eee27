"""The jobs."""
import time


def work(seconds):
    time.sleep(seconds)
