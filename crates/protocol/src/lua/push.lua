-- KEYS: ready, stats, unread, pressure; to remember each task for a day, the prefix of pushed. ARGV: maximum uncollected results, maximum percent of maxmemory, elements.
-- Returns 1 if all are pushed, or a message if none is: there are too many results, or too little memory.
local function pressure()
  local t = redis.call('TIME')
  local unread, minute = 0, math.floor(t[1] / 60)
  local buckets = redis.call('HGETALL', KEYS[3])
  for i = 1, #buckets, 2 do
    if (tonumber(buckets[i]) or 0) < minute then
      redis.call('HDEL', KEYS[3], buckets[i])
    else
      unread = unread + math.max(0, tonumber(buckets[i + 1]) or 0)
    end
  end
  if unread >= tonumber(ARGV[1]) then
    return unread .. ' results wait to be read: collect them, or push tasks whose results are not read with "keep": 0'
  end
  local info = redis.pcall('INFO', 'memory')
  if type(info) ~= 'string' then return '' end
  local used, most = tonumber(string.match(info, 'used_memory:(%d+)')), tonumber(string.match(info, 'maxmemory:(%d+)'))
  if used and most and most > 0 and used * 100 >= most * ARGV[2] then
    return 'Redis uses ' .. used .. ' bytes of ' .. most .. ': wait until workers have emptied the queue, or give it more'
  end
  return ''
end

local full = redis.call('GET', KEYS[4]) -- computed again each second
if not full then
  full = pressure()
  redis.pcall('SET', KEYS[4], full, 'PX', 1000)
end
if full ~= '' then return full end
for i = 3, #ARGV do
  local pushed = redis.pcall('LPUSH', KEYS[1], ARGV[i])
  if type(pushed) == 'table' then return pushed.err end -- no memory, or not a list: the first push fails, or none does
  local id, at = string.match(ARGV[i], '^{"id":"([^"\\]*)","at":(%d+)')
  if KEYS[5] and id then redis.pcall('SET', KEYS[5] .. id, at, 'PX', 86400000) end
end
redis.pcall('HINCRBY', KEYS[2], 'arrived', #ARGV - 2) -- an error would make the producer push them again
return 1
