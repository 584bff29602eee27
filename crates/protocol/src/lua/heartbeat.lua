-- KEYS: worker, workers, claimed. ARGV: id, lease, cpu, memory, task. Returns whether the worker has a lease.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'cpu', ARGV[3], 'memory', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if redis.call('LLEN', KEYS[3]) > 0 then redis.call('HSET', KEYS[1], 'task', ARGV[5]) end
redis.call('SADD', KEYS[2], ARGV[1]) -- a worker with a lease is always in the set, even if something removed it
local ends = redis.call('HGET', KEYS[1], 'drain_ends')
if ends and now() >= tonumber(ends) then -- the requester did not renew the request
  redis.call('HDEL', KEYS[1], 'drain', 'drain_ends')
  settle(KEYS[1], KEYS[3])
end
return 1
