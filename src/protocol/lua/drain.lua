-- KEYS: worker, claimed. ARGV: 1 to drain, 0 to go on.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '1' then
  redis.call('HSETNX', KEYS[1], 'drain', now())
else
  redis.call('HDEL', KEYS[1], 'drain')
end
settle(KEYS[1], KEYS[2])
return 1
