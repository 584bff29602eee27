-- KEYS: claimed, worker, stats, attempts, result. ARGV: element, task, result, result's ttl, milliseconds of work.
if not release(KEYS[1], ARGV[1]) then return {'late', 0} end
redis.call('SET', KEYS[5], ARGV[3], 'PX', ARGV[4])
redis.call('HINCRBY', KEYS[3], 'processed', 1)
redis.call('HINCRBY', KEYS[3], 'millis', ARGV[5])
redis.call('HDEL', KEYS[4], ARGV[2])
settle(KEYS[2], KEYS[1])
return {'done', 0}
