-- KEYS: workers, reaper, prefix of the hash. ARGV: time until the next look, 0: out of turn.
if ARGV[1] ~= '0' and not redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[1]) then return {} end
local dead = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', KEYS[3] .. id) == 0 then dead[#dead + 1] = id end
end
return dead
