-- KEYS: result, unread. Returns the result and forgets it, or false where there is none (yet, or any more).
local ends = redis.call('PEXPIRETIME', KEYS[1])
if ends > 0 then redis.call('HINCRBY', KEYS[2], math.floor(ends / 60000), -1) end
return redis.call('GETDEL', KEYS[1])
