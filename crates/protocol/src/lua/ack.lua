-- KEYS: claimed, worker, stats, attempts, result, unread, ready, delayed, suspects, turn.
-- ARGV: element, task id, result, milliseconds to keep it, milliseconds of work; to also take the next task, the number of
-- other tasks that the caller knows it holds. Returns {done or late, 0}, or with the last argument {that, the reply of take}.

-- Counts the task, and keeps how long each of the last 20 took, the newest first.
local function count(stats, took)
  redis.call('HINCRBY', stats, 'processed', 1)
  redis.call('HINCRBY', stats, 'millis', took)
  local all = {took}
  for one in string.gmatch(redis.call('HGET', stats, 'recent') or '', '%d+') do
    if #all == 20 then break end
    all[#all + 1] = one
  end
  redis.call('HSET', stats, 'recent', table.concat(all, ','))
end

local word = 'late'
if release(KEYS[1], ARGV[1]) then
  word = 'done'
  -- From here on nothing may fail: the task is done, whatever a key of the wrong type keeps from being written.
  pcall(keep, KEYS[5], KEYS[6], ARGV[3], ARGV[4])
  pcall(count, KEYS[3], string.format('%.0f', whole(ARGV[5], 31536000000, 0)))
  redis.pcall('HDEL', KEYS[4], ARGV[2])
  if not ARGV[6] then pcall(settle, KEYS[2], KEYS[1]) end
end
if not ARGV[6] then return {word, 0} end
local ok, registered, held, nothing, element =
  pcall(take_next, KEYS[2], KEYS[1], KEYS[7], ARGV[6], KEYS[8], KEYS[9], KEYS[10])
if not ok then return {{word, 0}, {1, 0, 0, false}} end -- take reports why
return {{word, 0}, {registered, held, nothing, type(element) == 'string' and element}}
