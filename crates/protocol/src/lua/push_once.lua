-- Stands behind push.lua, which is here the function push. KEYS: those of push, batch. ARGV: fingerprint and answer of
-- the batch, milliseconds to remember them, those of push. Returns a word, and what belongs to it.
local first = redis.call('HMGET', KEYS[6], 'fingerprint', 'answer')
if first[1] then
  if first[1] ~= ARGV[1] then return {'other'} end
  redis.call('PEXPIRE', KEYS[6], ARGV[3]) -- a write, which WAIT then waits for
  return {'again', first[2]}
end
local args = {}
for i = 4, #ARGV do args[i - 3] = ARGV[i] end
local pushed = push(KEYS, args)
if pushed ~= 1 then return {'refused', pushed} end
-- Cannot fail for lack of memory: Redis checks that before the first write of a script only.
redis.call('HSET', KEYS[6], 'fingerprint', ARGV[1], 'answer', ARGV[2])
redis.call('PEXPIRE', KEYS[6], ARGV[3])
return {'done'}
