-- KEYS: ready, workers, stats, failed, prefix of the hash, prefix of the claimed list. ARGV: maximum workers.
-- Reads only. Returns {1, time, ready, oldest, claimed, failed, {counters}, dead, dead_claimed, {{worker}, ...}},
-- or {0, message} if a key has the wrong type or the set of workers is too large.
local function look()
  local function read(command, key, ...)
    local answer = redis.pcall(command, key, ...)
    if type(answer) == 'table' and answer.err then
      error({sentence = 'the key ' .. key .. ' cannot be read by ' .. command .. ': ' .. answer.err})
    end
    return answer
  end

  -- The next task is read without its body: `at` is before the body, or after it with nothing nested behind.
  local next_out, oldest = read('LINDEX', KEYS[1], -1), false
  if next_out then
    local head = string.sub(next_out, 1, 512)
    head = string.sub(head, 1, (string.find(head, '"body"%s*:') or 513) - 1)
    oldest = string.match(head, '"at"%s*:%s*(%d+)')
      or string.match(string.sub(next_out, -512), '"at"%s*:%s*(%d+)[^{}]*}%s*$') or false
  end

  local count = read('SCARD', KEYS[2])
  if count > tonumber(ARGV[1]) then
    error({sentence = 'the key ' .. KEYS[2] .. ' has ' .. count .. ' members, more than ' .. ARGV[1]})
  end
  local claimed, dead, dead_claimed, workers = 0, 0, 0, {}
  for _, id in ipairs(read('SMEMBERS', KEYS[2])) do
    local held = read('LLEN', KEYS[6] .. id)
    claimed = claimed + held
    if redis.call('EXISTS', KEYS[5] .. id) == 0 then
      dead, dead_claimed = dead + 1, dead_claimed + held
    else
      local said = redis.pcall('HMGET', KEYS[5] .. id, 'pod', 'state', 'since', 'cpu', 'memory', 'claim_at',
        'namespace', 'slots')
      workers[#workers + 1] = {id, held, said.err and {} or said}
    end
  end

  local time = redis.call('TIME')
  local counters = read('HMGET', KEYS[3], 'arrived', 'processed', 'failed', 'millis', 'recent')
  return {1, time[1] * 1000 + math.floor(time[2] / 1000), read('LLEN', KEYS[1]), oldest, claimed,
    read('LLEN', KEYS[4]), counters, dead, dead_claimed, workers}
end

local ok, answer = pcall(look)
if ok then return answer end
return {0, type(answer) == 'table' and (answer.sentence or answer.err) or tostring(answer)}
