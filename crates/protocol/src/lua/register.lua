-- KEYS: generation, workers, prefix of the hash, prefix of the claimed list. ARGV: name, lease, pod, host, version.
-- Returns the id.
local id, worker
repeat -- skip ids that are in use, in case the counter was lost
  id = ARGV[1] .. '.' .. redis.call('INCR', KEYS[1])
  worker = KEYS[3] .. id
until redis.call('EXISTS', worker, KEYS[4] .. id) == 0
local ms = now()
redis.call('HSET', worker, 'pod', ARGV[3], 'host', ARGV[4], 'version', ARGV[5],
  'state', 'idle', 'since', ms, 'claim_at', ms, 'cpu', 0, 'memory', 0)
redis.call('PEXPIRE', worker, ARGV[2])
redis.call('SADD', KEYS[2], id)
return id
