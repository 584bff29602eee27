-- KEYS: workers, reaper, prefix of the hash. ARGV: minimum milliseconds between two lookups, 0: no limit; lease; the gap:
-- milliseconds after which a lookup is late. Returns the ids of the workers whose lease has ended.
-- A late lookup means that Redis was not reached, by heartbeats either: then it extends every lease whose last heartbeat is
-- older than the gap, and no lease twice without a heartbeat. A lease that lasts too long means that the server's clock
-- went back, and is shortened.
local last = redis.pcall('GET', KEYS[2])
local since = type(last) == 'string' and tonumber(last) and now() - tonumber(last)
if since and since >= 0 and since < tonumber(ARGV[1]) then return {} end
redis.call('SET', KEYS[2], string.format('%.0f', now()), 'PX', 86400000)
local late = not since or since < 0 or since > tonumber(ARGV[3])
local dead = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local worker = KEYS[3] .. id
  local lease = redis.pcall('HMGET', worker, 'lease_ends', 'extended')
  local ends = not lease.err and tonumber(lease[1] or '')
  if not ends then
    dead[#dead + 1] = id
  elseif late and not lease[2] and ends < now() + ARGV[2] - ARGV[3] then
    start_lease(worker, ARGV[2])
    redis.call('HSET', worker, 'extended', 1)
  elseif ends > now() + ARGV[2] then
    redis.call('HSET', worker, 'lease_ends', string.format('%.0f', now() + ARGV[2]))
  elseif ends <= now() then
    dead[#dead + 1] = id
  end
end
return dead
