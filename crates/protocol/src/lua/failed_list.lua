-- KEYS: failed, stats. ARGV: maximum entries. Reads only.
-- Returns the number of entries, of trimmed ones, and the newest: {{id, error, attempts, at, worker, bytes}, ...}.
local entries = {}
for i = 0, tonumber(ARGV[1]) - 1 do
  local entry = redis.call('LINDEX', KEYS[1], i)
  if not entry then break end
  local _, comma = split(entry)
  local ok, head = pcall(cjson.decode, string.sub(entry, 1, (comma or 1) - 1) .. '}')
  if not ok then head = {} end
  local function text(value) return type(value) == 'string' and value or (value and tostring(value)) or '' end
  local at = type(head.at) == 'number' and string.format('%d', head.at) or ''
  entries[#entries + 1] = {id_of(entry), text(head.error), text(head.attempts), at, text(head.worker), #entry}
end
return {redis.call('LLEN', KEYS[1]), tonumber(redis.call('HGET', KEYS[2], 'failed_trimmed') or 0), entries}
