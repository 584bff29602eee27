#!lua flags=allow-oom
-- The start of every worker script. allow-oom: a full Redis refuses producers, but not the workers that empty it.
local clock
local function now()
  if not clock then
    local t = redis.call('TIME')
    clock = t[1] * 1000 + math.floor(t[2] / 1000)
  end
  return clock
end

-- Updates the worker's state from its claims, and the time of the change; false if it has no lease.
local function settle(worker, claimed)
  local was = redis.call('HMGET', worker, 'state', 'drain')
  if not was[1] then return false end
  local held = redis.call('LLEN', claimed)
  if held == 0 then redis.call('HDEL', worker, 'task') end
  local state = was[2] and 'draining' or (held > 0 and 'busy' or 'idle')
  if state ~= was[1] then redis.call('HSET', worker, 'state', state, 'since', now()) end
  return true
end

-- Removes the element from the worker's claims; false if it is not there, or if there is a fence.
local function release(claimed, element)
  return redis.pcall('LREM', claimed, 1, element) == 1
end

-- The result to store: a large one is replaced by a note when Redis is nearly full, so that it never keeps a task from
-- being acknowledged. Small ones replace an element of their size and need no look at the memory.
local function fitting(text)
  if #text <= 1024 then return text end
  local info = redis.pcall('INFO', 'memory')
  if type(info) ~= 'string' then return text end
  local used, most = tonumber(string.match(info, 'used_memory:(%d+)')), tonumber(string.match(info, 'maxmemory:(%d+)'))
  if most == 0 or (used + #text) * 100 < most * 90 then return text end
  return '{"dropped":true,"bytes":' .. #text .. ',"reason":"Redis is nearly full: the task is done, its result was not kept"}'
end

-- Stores a result for `time` milliseconds (0: not at all) and counts it in the minute in which it expires.
local function keep(result, unread, text, time)
  if time == '0' then return end
  redis.call('SET', result, fitting(text), 'PX', time)
  redis.call('HINCRBY', unread, math.floor((now() + time) / 60000), 1)
end
