-- KEYS: worker, claimed, ready, attempts. ARGV: tasks that the caller knows it holds.
-- Takes the next task. Returns leased, held, drain, element or false, bad attempts before this one.
local was = redis.call('HMGET', KEYS[1], 'state', 'drain')
if not was[1] then return {0, 0, 0, false, 0} end
local held, ms, element = redis.call('LLEN', KEYS[2]), now(), false
-- Who holds more than it knows of must find out first what that is.
if not was[2] and held <= tonumber(ARGV[1]) then
  element = redis.pcall('LMOVE', KEYS[3], KEYS[2], 'RIGHT', 'LEFT')
end
if type(element) ~= 'string' then
  redis.call('HSET', KEYS[1], 'claim_at', ms)
  settle(KEYS[1], KEYS[2])
  if element then return element end -- the ready key is no list
  return {1, held, was[2] and 1 or 0, false, 0}
end
local id = string.match(element, '^%s*{%s*"id"%s*:%s*"([^"\\]*)"') or ''
if was[1] == 'busy' then
  redis.call('HSET', KEYS[1], 'claim_at', ms, 'task', id)
else
  redis.call('HSET', KEYS[1], 'claim_at', ms, 'task', id, 'state', 'busy', 'since', ms)
end
return {1, held + 1, 0, element, tonumber(redis.call('HGET', KEYS[4], id) or 0) or 0}
