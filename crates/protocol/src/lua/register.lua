-- KEYS: generation, workers, prefix of the hash, prefix of the claimed list. ARGV: name, lease, pod, host, version; from
-- workers that know them, the namespace of the pod, or empty, and the slots. Returns the id.
local id, worker
repeat -- skip ids that are in use, in case the counter was lost
  id = ARGV[1] .. '.' .. redis.call('INCR', KEYS[1])
  worker = KEYS[3] .. id
until redis.call('EXISTS', worker, KEYS[4] .. id) == 0
local ms = now()
redis.call('HSET', worker, 'pod', ARGV[3], 'host', ARGV[4], 'version', ARGV[5],
  'state', 'idle', 'since', ms, 'claim_at', ms, 'cpu', 0, 'memory', 0)
if ARGV[6] and ARGV[6] ~= '' then redis.call('HSET', worker, 'namespace', ARGV[6]) end
if ARGV[7] then redis.call('HSET', worker, 'slots', ARGV[7]) end
start_lease(worker, ARGV[2])
redis.call('SADD', KEYS[2], id)
return id
