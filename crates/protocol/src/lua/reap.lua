-- KEYS: workers, worker, claimed, suspects, attempts, stats, failed, prefix of results, unread.
-- ARGV: id, maximum elements, maximum attempts, milliseconds to keep an error, milliseconds to keep the fence.
-- Returns rescued, failed, left.
if has_lease(KEYS[2]) or redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then return {0, 0, 0} end
expect_failure_keys(KEYS[5], KEYS[6], KEYS[7], KEYS[9])
expect('list', KEYS[4])
local rescued, failed, left = 0, 0, 0
if redis.call('TYPE', KEYS[3]).ok == 'list' then
  for _ = 1, tonumber(ARGV[2]) do
    local element = redis.call('LINDEX', KEYS[3], 0) -- the newest claim first, so that the oldest ends up at the head
    if not element then break end
    local why = 'its worker died: ' .. ARGV[1]
    if count_failure(element, ARGV[1], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], why, ARGV[3], ARGV[4]) then
      redis.call('LPOP', KEYS[3])
      failed = failed + 1
    else
      redis.call('LMOVE', KEYS[3], KEYS[4], 'LEFT', 'RIGHT')
      rescued = rescued + 1
    end
  end
  left = redis.call('LLEN', KEYS[3])
end
if left == 0 then
  redis.call('SREM', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[3], 'gone', 'PX', whole(ARGV[5], 31536000000, 86400000)) -- the fence: a late BLMOVE moves nothing
end
return {rescued, failed, left}
