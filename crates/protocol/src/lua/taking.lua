-- Takes the next task. Returns leased, held, drain, element or false (or an error).
local function take_next(worker, claimed, ready, known)
  local was = redis.call('HMGET', worker, 'state', 'drain')
  if not was[1] then return 0, 0, 0, false end
  local held, element = redis.call('LLEN', claimed), false
  -- A worker that holds more tasks than it knows of must first read its claims.
  if not was[2] and held <= tonumber(known) then element = redis.pcall('LMOVE', ready, claimed, 'RIGHT', 'LEFT') end
  if type(element) ~= 'string' then
    redis.call('HSET', worker, 'claim_at', now())
    settle(worker, claimed)
    return 1, held, was[2] and 1 or 0, element
  end
  if was[1] ~= 'busy' then redis.call('HSET', worker, 'claim_at', now(), 'state', 'busy', 'since', now()) end
  return 1, held + 1, 0, element
end
