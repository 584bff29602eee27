-- KEYS: worker, claimed. Returns whether the worker may keep the task that it has just claimed: it has a lease, and was not
-- asked to drain while the claim was pending.
if not settle(KEYS[1], KEYS[2]) then return 0 end
redis.call('HSET', KEYS[1], 'claim_at', now())
return 1 - redis.call('HEXISTS', KEYS[1], 'drain')
