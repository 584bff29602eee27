-- KEYS: worker, claimed. ARGV: 1 to drain, 0 to go on; and how long it drains unless asked again, absent: for good.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '0' then
  redis.call('HDEL', KEYS[1], 'drain', 'drain_ends')
elseif redis.call('HSETNX', KEYS[1], 'drain', now()) == 1 or redis.call('HEXISTS', KEYS[1], 'drain_ends') == 1 then
  -- Who drains for good, because it ends itself, goes on draining for good.
  if ARGV[2] then
    redis.call('HSET', KEYS[1], 'drain_ends', now() + ARGV[2])
  else
    redis.call('HDEL', KEYS[1], 'drain_ends')
  end
end
settle(KEYS[1], KEYS[2])
return 1
