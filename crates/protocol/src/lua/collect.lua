-- KEYS: result, unread. Returns and deletes the result; false if there is none yet, or no longer.
local ends = redis.call('PEXPIRETIME', KEYS[1])
if ends > 0 then redis.call('HINCRBY', KEYS[2], math.floor(ends / 60000), -1) end
return redis.call('GETDEL', KEYS[1])
