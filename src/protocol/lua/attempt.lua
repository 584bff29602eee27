-- KEYS: worker, claimed. Returns leased, held, drain.
local was = redis.call('HMGET', KEYS[1], 'state', 'drain')
if not was[1] then return {0, 0, 0} end
redis.call('HSET', KEYS[1], 'claim_at', now())
settle(KEYS[1], KEYS[2])
return {1, redis.call('LLEN', KEYS[2]), was[2] and 1 or 0}
