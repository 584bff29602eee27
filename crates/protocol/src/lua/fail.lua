-- KEYS: claimed, worker, ready, attempts, stats, failed, prefix of results, unread.
-- ARGV: element, error, maximum attempts, milliseconds to keep the error.
if not release(KEYS[1], ARGV[1]) then return {'late', 0} end
local worker = string.match(KEYS[1], '}:claimed:(.*)$') or ''
local over, n = count_failure(ARGV[1], worker, KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], ARGV[2], ARGV[3], ARGV[4])
if not over then redis.call('LPUSH', KEYS[3], ARGV[1]) end
settle(KEYS[2], KEYS[1])
return {over and 'failed' or 'retry', n}
