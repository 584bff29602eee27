-- KEYS: worker, workers, claimed. ARGV: id, lease, cpu, memory, task. Returns whether the worker is registered. If its
-- lease has ended and it is not reaped, this starts another: nobody else has its tasks.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'cpu', ARGV[3], 'memory', ARGV[4])
start_lease(KEYS[1], ARGV[2])
if redis.call('LLEN', KEYS[3]) > 0 then redis.call('HSET', KEYS[1], 'task', ARGV[5]) end
redis.call('SADD', KEYS[2], ARGV[1]) -- a registered worker is always in the set, even if something removed it
local ends = redis.call('HGET', KEYS[1], 'drain_ends')
if ends and now() >= (tonumber(ends) or 0) then -- the requester did not renew the request
  redis.call('HDEL', KEYS[1], 'drain', 'drain_ends')
  settle(KEYS[1], KEYS[3])
end
return 1
