-- KEYS: ready, workers, stats, failed, prefix of the hash, prefix of the claimed list, delayed, suspects, reaper.
-- ARGV: maximum workers, the gap after which a lookup of the dead is late.
-- Reads only. Returns {1, time, ready, oldest, claimed, failed, {counters}, dead, dead_claimed, {{worker}, ...}, due,
-- unwatched}, or {0, message} if a key has the wrong type or the set of workers is too large.
local function look()
  local function read(command, key, ...)
    local answer = redis.pcall(command, key, ...)
    if type(answer) == 'table' and answer.err then
      error({sentence = 'the key ' .. key .. ' cannot be read by ' .. command .. ': ' .. answer.err})
    end
    return answer
  end

  -- The next task is read without its body: `at` is before the body, or after it with nothing nested behind.
  local function pushed_at(key)
    local next_out = read('LINDEX', key, -1)
    if not next_out then return false end
    local head = string.sub(next_out, 1, 512)
    head = string.sub(head, 1, (string.find(head, '"body"%s*:') or 513) - 1)
    return string.match(head, '"at"%s*:%s*(%d+)')
      or string.match(string.sub(next_out, -512), '"at"%s*:%s*(%d+)[^{}]*}%s*$') or false
  end
  local oldest, suspect = pushed_at(KEYS[1]), pushed_at(KEYS[8])
  if suspect and (not oldest or tonumber(suspect) < tonumber(oldest)) then oldest = suspect end

  local server = redis.call('TIME')
  local time = server[1] * 1000 + math.floor(server[2] / 1000)
  local looked = redis.pcall('GET', KEYS[9])
  looked = type(looked) == 'string' and tonumber(looked)
  local late = not looked or looked > time or time - looked > tonumber(ARGV[2])

  local count = read('SCARD', KEYS[2])
  if count > tonumber(ARGV[1]) then
    error({sentence = 'the key ' .. KEYS[2] .. ' has ' .. count .. ' members, more than ' .. ARGV[1]})
  end
  local claimed, dead, dead_claimed, workers = 0, 0, 0, {}
  for _, id in ipairs(read('SMEMBERS', KEYS[2])) do
    local held = read('LLEN', KEYS[6] .. id)
    claimed = claimed + held
    local lease = redis.pcall('HMGET', KEYS[5] .. id, 'lease_ends', 'extended')
    local ends = not lease.err and tonumber(lease[1] or '')
    -- The same rule as in dead.lua: after a gap each lease is extended once.
    if not lease.err and (not ends or (ends <= time and not (late and not lease[2]))) then
      dead, dead_claimed = dead + 1, dead_claimed + held
    else
      local said = redis.pcall('HMGET', KEYS[5] .. id, 'pod', 'state', 'since', 'cpu', 'memory', 'claim_at',
        'namespace', 'slots')
      workers[#workers + 1] = {id, held, said.err and {} or said}
    end
  end

  local counters = read('HMGET', KEYS[3], 'arrived', 'processed', 'failed', 'millis', 'recent', 'lost_claims')
  local over = read('ZCOUNT', KEYS[7], '-inf', time) -- a worker's next look at them makes them ready
  local ready = read('LLEN', KEYS[1]) + read('LLEN', KEYS[8]) + over
  return {1, time, ready, oldest, claimed, read('LLEN', KEYS[4]), counters, dead, dead_claimed, workers,
    read('ZCARD', KEYS[7]) - over, (late and count > 0) and 1 or 0}
end

local ok, answer = pcall(look)
if ok then return answer end
return {0, type(answer) == 'table' and (answer.sentence or answer.err) or tostring(answer)}
