-- KEYS: worker, claimed. ARGV: 1 to drain, 0 to withdraw; milliseconds until the request expires, absent: never.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '0' then
  redis.call('HDEL', KEYS[1], 'drain', 'drain_ends')
elseif redis.call('HSETNX', KEYS[1], 'drain', now()) == 1 or redis.call('HEXISTS', KEYS[1], 'drain_ends') == 1 then
  -- A worker that drains permanently, because it is stopping, keeps draining permanently.
  if ARGV[2] then
    redis.call('HSET', KEYS[1], 'drain_ends', now() + ARGV[2])
  else
    redis.call('HDEL', KEYS[1], 'drain_ends')
  end
end
settle(KEYS[1], KEYS[2])
return 1
