-- KEYS: workers, reaper, prefix of the hash. ARGV: minimum milliseconds between two lookups, 0: no limit; lease.
-- A TTL that is longer than the lease means that the server's clock went back, or that a hash was written to after it
-- expired. Either would keep a dead worker registered, so the TTL is reset.
if ARGV[1] ~= '0' and not redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[1]) then
  if redis.call('PTTL', KEYS[2]) <= tonumber(ARGV[1]) then return {} end
  redis.call('SET', KEYS[2], 1, 'PX', ARGV[1])
end
local dead = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local left = redis.call('PTTL', KEYS[3] .. id)
  if left == -2 then
    dead[#dead + 1] = id
  elseif left == -1 or left > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[3] .. id, ARGV[2])
  end
end
return dead
