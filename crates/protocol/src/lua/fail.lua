-- KEYS: claimed, worker, delayed, attempts, stats, failed, prefix of results, unread.
-- ARGV: element, error, maximum attempts, milliseconds to keep the error, milliseconds of the first pause.
expect_failure_keys(KEYS[4], KEYS[5], KEYS[6], KEYS[8])
expect('zset', KEYS[3])
local most, pause = tonumber(ARGV[3]), whole(ARGV[5], 3600000, 1000)
if not most then return redis.error_reply('ERR the maximum of attempts is not a number') end
if not release(KEYS[1], ARGV[1]) then return {'late', 0} end
local worker = string.match(KEYS[1], '}:claimed:(.*)$') or ''
local over, n = count_failure(ARGV[1], worker, KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], ARGV[2], most, ARGV[4])
if not over then
  -- The pause doubles with each attempt. It varies by a quarter, so that what failed together does not return together.
  local jitter = tonumber(redis.call('TIME')[2]) % 1000 / 2000
  local due = string.format('%.0f', now() + math.min(pause * 2 ^ (n - 1), 3600000) * (0.75 + jitter))
  local i = redis.call('ZCARD', KEYS[3])
  -- A number before the element: two equal elements are two tasks.
  while redis.call('ZADD', KEYS[3], 'NX', due, string.format('%d:', i) .. ARGV[1]) == 0 do i = i + 1 end
end
pcall(settle, KEYS[2], KEYS[1])
return {over and 'failed' or 'retry', n}
