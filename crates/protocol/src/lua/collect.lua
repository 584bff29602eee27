-- KEYS: result, unread, collected. ARGV: milliseconds to keep it for a caller that has not got the answer.
-- Returns the result and counts it as collected; false if there is none yet, or no longer.
local result = redis.call('GET', KEYS[1])
if not result then return redis.call('GET', KEYS[3]) end
local ends = redis.call('PEXPIRETIME', KEYS[1])
if ends > 0 then redis.pcall('HINCRBY', KEYS[2], string.format('%.0f', math.floor(ends / 60000)), -1) end
redis.call('RENAME', KEYS[1], KEYS[3])
redis.call('PEXPIRE', KEYS[3], ARGV[1])
return result
