-- KEYS: failed, stats, ready, prefix of results, unread, prefix of collected.
-- ARGV: retry or clear, maximum entries; ids, or none for the oldest entries. Returns the number of tasks.
if ARGV[1] ~= 'retry' and ARGV[1] ~= 'clear' then return redis.error_reply('ERR neither retry nor clear') end
if ARGV[1] == 'retry' then expect('list', KEYS[3]) end
expect('list', KEYS[1])
expect('hash', KEYS[2], KEYS[5])
local retry, most, taken = ARGV[1] == 'retry', tonumber(ARGV[2]), 0

-- Finishes an entry that is no longer on the list; false if it holds no task to retry.
local function finish(entry)
  if retry then
    local element = split(entry)
    if not element then return false end
    redis.call('LPUSH', KEYS[3], element) -- behind the others; the counters see a new arrival, so none ever decreases
    redis.pcall('HINCRBY', KEYS[2], 'arrived', 1)
    local result = KEYS[4] .. id_of(entry)
    local ends = redis.call('PEXPIRETIME', result)
    if ends > 0 then redis.pcall('HINCRBY', KEYS[5], math.floor(ends / 60000), -1) end
    redis.call('DEL', result, KEYS[6] .. id_of(entry)) -- the error of the last attempt is no longer the result
  end
  increase(KEYS[2], 'failed_bytes', -#entry)
  taken = taken + 1
  return true
end

if #ARGV == 2 then
  for _ = 1, most do
    local entry = redis.call('RPOP', KEYS[1]) -- the oldest first, so that they are tried in their old order
    if not entry then break end
    if not finish(entry) then redis.call('LPUSH', KEYS[1], entry) end
  end
else
  local wanted, found = {}, {}
  for i = 3, #ARGV do wanted[ARGV[i]] = true end
  local length = redis.call('LLEN', KEYS[1])
  for i = length - 1, 0, -1 do
    local entry = redis.call('LINDEX', KEYS[1], i)
    if wanted[id_of(entry)] then found[#found + 1] = entry end
  end
  for _, entry in ipairs(found) do
    if taken < most and redis.call('LREM', KEYS[1], -1, entry) == 1 and not finish(entry) then
      redis.call('LPUSH', KEYS[1], entry)
    end
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('HDEL', KEYS[2], 'failed_bytes') end
return taken
