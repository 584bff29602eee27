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

-- Counts a failed attempt. True if it was the last: then the element is on the failed list, and the caller removes it from
-- the claims.
local function count_failure(element, attempts, stats, failed, results, unread, why, max, time)
  local id, readable = task_of(element)
  local n = redis.call('HINCRBY', attempts, id, 1)
  if n < tonumber(max) then return false, n end
  local head = '{"error":' .. cjson.encode(why) .. ',"attempts":' .. n
  redis.call('LPUSH', failed, head .. ',"task":' .. (readable and element or cjson.encode(element)) .. '}')
  keep(results .. id, unread, head .. '}', time)
  redis.call('HINCRBY', stats, 'failed', 1)
  redis.call('HDEL', attempts, id)
  return true, n
end
