-- Shared by the scripts that read the failed list.
-- The exact element of an entry, and where its head ends; nil if it is not an entry. Quotes in the error are escaped, so
-- the first `,"task":` is the field.
local function split(entry)
  local comma = string.find(entry, ',"task":', 1, true)
  if not comma then return nil end
  local element = string.sub(entry, comma + 8, -2)
  if string.sub(element, 1, 1) ~= '"' then return element, comma end
  local ok, decoded = pcall(cjson.decode, '[' .. element .. ']')
  if ok then return decoded[1], comma end
end

-- The id of the task of an entry: that of the task, else the hash of what stands in its place.
local function id_of(entry)
  return (task_of((split(entry)) or entry))
end
