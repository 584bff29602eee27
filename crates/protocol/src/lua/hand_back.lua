-- KEYS: claimed, worker, ready. ARGV: element. Returns whether the worker still held it.
if not release(KEYS[1], ARGV[1]) then return 0 end
redis.call('RPUSH', KEYS[3], ARGV[1])
settle(KEYS[2], KEYS[1])
return 1
