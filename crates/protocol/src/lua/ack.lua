-- KEYS: claimed, worker, stats, attempts, result, unread, ready, delayed, suspects, turn, collected.
-- ARGV: element, task id, result, milliseconds to keep it, milliseconds of work; to also take the next task, the number of
-- other tasks that the caller knows it holds. Returns {done, 0} or {late, whether Redis lost the claim}, or with the last argument {that, the reply of take}.

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

-- Whether Redis lost the claim, as a failover does with what no replica had. Otherwise there is the fence of a worker that was
-- reaped, or a result: of another worker, or of this call if its first reply was lost.
local function is_lost(claimed, result, collected, time)
  return whole(time, 1, 1) > 0 and redis.call('TYPE', claimed).ok ~= 'string' and redis.call('EXISTS', result, collected) == 0
end

local word, lost = 'late', 0
if release(KEYS[1], ARGV[1]) then
  word = 'done'
  -- From here on nothing may fail: the task is done, whatever a key of the wrong type keeps from being written.
  pcall(keep, KEYS[5], KEYS[6], ARGV[3], ARGV[4])
  pcall(count, KEYS[3], string.format('%.0f', whole(ARGV[5], 31536000000, 0)))
  redis.pcall('HDEL', KEYS[4], ARGV[2])
  if not ARGV[6] then pcall(settle, KEYS[2], KEYS[1]) end
elseif is_lost(KEYS[1], KEYS[5], KEYS[11], ARGV[4]) then
  lost = 1
  redis.pcall('HINCRBY', KEYS[3], 'lost_claims', 1)
end
if not ARGV[6] then return {word, lost} end
local ok, registered, held, nothing, element =
  pcall(take_next, KEYS[2], KEYS[1], KEYS[7], ARGV[6], KEYS[8], KEYS[9], KEYS[10])
if not ok then return {{word, lost}, {1, 0, 0, false}} end -- take reports why
return {{word, lost}, {registered, held, nothing, type(element) == 'string' and element}}
