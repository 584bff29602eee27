-- KEYS: worker, claimed, ready, delayed, suspects, turn. ARGV: number of tasks that the caller knows it holds.
-- Returns registered, held, whether it must take nothing, element or false.
local registered, held, nothing, element = take_next(KEYS[1], KEYS[2], KEYS[3], ARGV[1], KEYS[4], KEYS[5], KEYS[6])
if type(element) == 'table' then return element end -- the ready key is not a list
return {registered, held, nothing, element}
