-- KEYS: workers, worker, claimed. ARGV: id, milliseconds to keep the fence. Returns how many tasks the worker still holds.
if redis.call('TYPE', KEYS[3]).ok == 'list' then return redis.call('LLEN', KEYS[3]) end
redis.call('SET', KEYS[3], 'gone', 'PX', ARGV[2])
redis.call('SREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 0
