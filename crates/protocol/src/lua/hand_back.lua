-- KEYS: claimed, worker, ready, suspects. ARGV: element. Returns whether the worker still held it.
expect('list', KEYS[3], KEYS[4])
local alone = redis.pcall('HGET', KEYS[2], 'alone')
if not release(KEYS[1], ARGV[1]) then return 0 end
redis.call('RPUSH', type(alone) == 'string' and KEYS[4] or KEYS[3], ARGV[1])
pcall(settle, KEYS[2], KEYS[1])
return 1
