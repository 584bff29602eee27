-- KEYS: worker, claimed, ready. ARGV: number of tasks that the caller knows it holds.
-- Returns leased, held, drain, element or false.
local leased, held, drain, element = take_next(KEYS[1], KEYS[2], KEYS[3], ARGV[1])
if type(element) == 'table' then return element end -- the ready key is not a list
return {leased, held, drain, element}
