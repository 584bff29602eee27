-- KEYS: worker, claimed. Returns whether the worker has a lease.
return settle(KEYS[1], KEYS[2]) and redis.call('HSET', KEYS[1], 'claim_at', now()) and 1 or 0
