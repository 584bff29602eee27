-- KEYS: worker, claimed, attempts. ARGV: task. Returns bad attempts before this one; false: the lease is lost.
if not settle(KEYS[1], KEYS[2]) then return false end
redis.call('HSET', KEYS[1], 'task', ARGV[1], 'claim_at', now())
return tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0) or 0
