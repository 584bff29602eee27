-- Shared by the scripts that count a failed attempt.
local function task_of(element)
  -- A large element is not parsed, because that would block Redis. It must begin with its id and end like an object.
  if #element > 65536 then
    local id = string.match(element, '^%s*{%s*"id"%s*:%s*"([^"\\]*)"')
    if id and string.match(element, '}%s*$') then return id, true end
  else
    local ok, task = pcall(cjson.decode, element)
    if ok and type(task) == 'table' and type(task.id) == 'string' then return task.id, true end
  end
  return redis.sha1hex(element), false -- not a task: counted under its hash
end

-- Raises unless the keys that count_failure writes are absent or of their types.
local function expect_failure_keys(attempts, stats, failed, unread)
  expect('hash', attempts, stats, unread)
  expect('list', failed)
end

-- Adds to a number in a hash; a field that is no number begins again.
local function increase(key, field, by)
  local n = redis.pcall('HINCRBY', key, field, by)
  if type(n) == 'number' then return n end
  redis.call('HSET', key, field, by)
  return by
end

-- The failed list keeps the newest tasks: so many, and so many bytes of them, but at least one.
local MAX_FAILED, MAX_FAILED_BYTES = 10000, 16777216

-- Adds an entry to the failed list, drops the oldest ones beyond its limits, and counts them.
local function add_failed(failed, stats, entry)
  local n, trimmed = redis.call('LPUSH', failed, entry), 0
  if n == 1 then redis.call('HDEL', stats, 'failed_bytes') end
  local bytes = increase(stats, 'failed_bytes', #entry)
  -- A list from an older release may be long: then it becomes shorter with each failure, and Redis never blocks.
  while n > 1 and (n > MAX_FAILED or bytes > MAX_FAILED_BYTES) and trimmed < 1000 do
    local oldest = redis.call('RPOP', failed)
    n, bytes, trimmed = n - 1, bytes - #oldest, trimmed + 1
  end
  if trimmed > 0 then
    redis.call('HSET', stats, 'failed_bytes', bytes)
    redis.pcall('HINCRBY', stats, 'failed_trimmed', trimmed)
  end
end

-- At most 2,000 bytes of an error, cut before a character.
local function bounded(why)
  if #why <= 2000 then return why end
  return (string.gsub(string.sub(why, 1, 2000), '[\192-\255][\128-\191]*$', '')) .. '…'
end

-- Counts a failed attempt; the caller has called expect_failure_keys. True if it was the last: then the element is on the failed list, and the caller removes it from
-- the claims.
local function count_failure(element, worker, attempts, stats, failed, results, unread, why, max, time)
  local id, readable = task_of(element)
  local n = increase(attempts, id, 1)
  if n < tonumber(max) then return false, n end
  local head = '{"error":' .. cjson.encode(bounded(why)) .. ',"attempts":' .. n
  local rest = string.format(',"at":%d,"worker":', now()) .. cjson.encode(worker)
  add_failed(failed, stats, head .. rest .. ',"task":' .. (readable and element or cjson.encode(element)) .. '}')
  pcall(keep, results .. id, unread, head .. '}', time)
  redis.pcall('HINCRBY', stats, 'failed', 1)
  redis.call('HDEL', attempts, id)
  return true, n
end
