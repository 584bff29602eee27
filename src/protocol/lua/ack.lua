-- KEYS: claimed, worker, stats, attempts, result, unread.
-- ARGV: element, task, result, how long it is kept, milliseconds of work, 1 where take follows at once (it settles).
if not release(KEYS[1], ARGV[1]) then return {'late', 0} end
keep(KEYS[5], KEYS[6], ARGV[3], ARGV[4])
redis.call('HINCRBY', KEYS[3], 'processed', 1)
redis.call('HINCRBY', KEYS[3], 'millis', ARGV[5])
redis.call('HDEL', KEYS[4], ARGV[2])
if ARGV[6] ~= '1' then settle(KEYS[2], KEYS[1]) end
return {'done', 0}
