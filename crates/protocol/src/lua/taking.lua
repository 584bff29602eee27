-- Makes the tasks ready whose pause is over: at the left end, behind all others.
local function promote(delayed, ready)
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now(), 'LIMIT', 0, 100)) do
    redis.call('LPUSH', ready, (string.gsub(entry, '^%d+:', '', 1)))
    redis.call('ZREM', delayed, entry)
  end
end

-- A suspect, a task whose worker died, runs alone: if it kills the next worker too, no other task is counted with it.
-- Returns its element; true: the worker must take nothing, because it runs a suspect or is about to; else false.
local function take_suspect(worker, claimed, alone, held, suspects, turn)
  if held > 0 and alone then return true end
  if held == 0 then
    if alone then redis.call('HDEL', worker, 'alone') end
    local element = redis.call('LMOVE', suspects, claimed, 'RIGHT', 'LEFT')
    if not element then return false end
    redis.call('HSET', worker, 'alone', 1)
    redis.call('DEL', turn)
    return element
  end
  if redis.call('EXISTS', suspects) == 0 then return false end
  -- One worker at a time lets its tasks end, so that a suspect never waits for ever.
  if redis.call('SET', turn, claimed, 'NX', 'PX', 3000) then return true end
  if redis.pcall('GET', turn) ~= claimed then return false end
  redis.call('PEXPIRE', turn, 3000)
  return true
end

-- Takes the next task. Returns whether it is registered, held, whether it must take nothing, element or false (or an
-- error).
local function take_next(worker, claimed, ready, known, delayed, suspects, turn)
  local was = redis.call('HMGET', worker, 'state', 'drain', 'alone')
  if not was[1] then return 0, 0, 0, false end
  local held, element, nothing = redis.call('LLEN', claimed), false, was[2]
  -- A worker that holds more tasks than it knows of must first read its claims.
  if not nothing and held <= tonumber(known) then
    -- Most of the time there are neither: one command finds out.
    if was[3] or redis.call('EXISTS', suspects, delayed) > 0 then
      promote(delayed, ready)
      element = take_suspect(worker, claimed, was[3], held, suspects, turn)
    end
    if element == true then
      element, nothing = false, true
    elseif not element then
      element = redis.pcall('LMOVE', ready, claimed, 'RIGHT', 'LEFT')
    end
  end
  if type(element) ~= 'string' then
    redis.call('HSET', worker, 'claim_at', now())
    settle(worker, claimed)
    return 1, held, nothing and 1 or 0, element
  end
  if was[1] ~= 'busy' then redis.call('HSET', worker, 'claim_at', now(), 'state', 'busy', 'since', now()) end
  return 1, held + 1, 0, element
end
