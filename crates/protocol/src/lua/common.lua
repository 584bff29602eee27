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

-- Raises unless each key is absent or of this type. A script that moves a task calls it before its first write, so that
-- nothing fails between taking the task from one place and putting it in the next.
local function expect(kind, ...)
  for _, key in ipairs({...}) do
    local found = redis.call('TYPE', key).ok
    if found ~= kind and found ~= 'none' then
      error({err = 'WRONGTYPE the key ' .. key .. ' is a ' .. found .. ' and must be a ' .. kind .. ': delete or rename it'})
    end
  end
end

-- A whole number from an argument or a field, at least 0 and at most `max`; else `default`.
local function whole(text, max, default)
  local n = tonumber(text)
  if not n or n ~= n or n < 0 then return default end
  return math.floor(math.min(n, max))
end

-- Whether the worker's lease has not ended. An ended lease is no fence: until the worker is reaped, its heartbeat starts
-- another.
local function has_lease(worker)
  local ends = redis.pcall('HGET', worker, 'lease_ends')
  return type(ends) == 'string' and (tonumber(ends) or 0) > now()
end

-- Starts the worker's lease of `lease` milliseconds. Its hash outlives the lease by a day: what stands there is still
-- known when the heartbeats could not arrive.
local function start_lease(worker, lease)
  redis.call('HSET', worker, 'lease_ends', string.format('%.0f', now() + lease))
  redis.call('HDEL', worker, 'extended')
  redis.call('PEXPIRE', worker, 86400000)
end

-- Updates the worker's state from its claims, and the time of the change; false if it is not registered.
local function settle(worker, claimed)
  local was = redis.call('HMGET', worker, 'state', 'drain')
  if not was[1] then return false end
  local held = redis.call('LLEN', claimed)
  if held == 0 then redis.call('HDEL', worker, 'task', 'alone') end
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
  if not used or not most or most == 0 or (used + #text) * 100 < most * 90 then return text end
  return '{"dropped":true,"bytes":' .. #text .. ',"reason":"Redis is nearly full: the task is done, its result was not kept"}'
end

-- Stores a result for `time` milliseconds (0: not at all; at most a year) and counts it in the minute in which it expires.
local function keep(result, unread, text, time)
  local millis = whole(time, 31536000000, 3600000)
  if millis == 0 then return end
  redis.call('SET', result, fitting(text), 'PX', string.format('%.0f', millis))
  redis.call('HINCRBY', unread, string.format('%.0f', math.floor((now() + millis) / 60000)), 1)
end
