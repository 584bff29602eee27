#!lua flags=allow-oom
-- Shared by all scripts of workers, and first in each: a Redis that is full refuses producers, not those who empty it.
local clock
local function now()
  if not clock then
    local t = redis.call('TIME')
    clock = t[1] * 1000 + math.floor(t[2] / 1000)
  end
  return clock
end

-- Sets the state that follows from the worker's own claims, and since when; false where it has no lease.
local function settle(worker, claimed)
  local was = redis.call('HMGET', worker, 'state', 'drain')
  if not was[1] then return false end
  local held = redis.call('LLEN', claimed)
  if held == 0 then redis.call('HDEL', worker, 'task') end
  local state = was[2] and 'draining' or (held > 0 and 'busy' or 'idle')
  if state ~= was[1] then redis.call('HSET', worker, 'state', state, 'since', now()) end
  return true
end

-- Takes the element out of the worker's claims; false where it is not there, or a fence is.
local function release(claimed, element)
  return redis.pcall('LREM', claimed, 1, element) == 1
end

-- Stores a result for so many milliseconds, 0: not at all, and counts it in the minute it ends in.
local function keep(result, unread, text, time)
  if time == '0' then return end
  redis.call('SET', result, text, 'PX', time)
  redis.call('HINCRBY', unread, math.floor((now() + time) / 60000), 1)
end
