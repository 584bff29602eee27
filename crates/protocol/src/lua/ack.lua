-- KEYS: claimed, worker, stats, attempts, result, unread, ready.
-- ARGV: element, task id, result, milliseconds to keep it, milliseconds of work; to also take the next task, the number of
-- other tasks that the caller knows it holds. Returns {done or late, 0}, or with the last argument {that, the reply of take}.

-- Keeps how long each of the last 20 tasks took, the newest first.
local function remember(stats, took)
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
  keep(KEYS[5], KEYS[6], ARGV[3], ARGV[4])
  redis.call('HINCRBY', KEYS[3], 'processed', 1)
  redis.call('HINCRBY', KEYS[3], 'millis', ARGV[5])
  remember(KEYS[3], ARGV[5])
  redis.call('HDEL', KEYS[4], ARGV[2])
  if not ARGV[6] then settle(KEYS[2], KEYS[1]) end
end
if not ARGV[6] then return {word, 0} end
local leased, held, drain, element = take_next(KEYS[2], KEYS[1], KEYS[7], ARGV[6])
return {{word, 0}, {leased, held, drain, type(element) == 'string' and element}}
