-- The accounts of a budget that have anything on them: one step through the key space.
--
-- Arguments: cursor, pattern, keys looked at in a step.
-- Answers: L time, next cursor, then five per account: name, settled, held, granted, end
local function act()
  open()
  local found = call('SCAN', r[base + 1], 'MATCH', r[base + 2], 'COUNT', r[base + 3])
  local t, names = {now, found[1]}, #LIVE + 2
  seldom = seldom or rare()
  for _, key in ipairs(found[2]) do
    local a = seldom.find(key)
    if a and (a.h > Z or a.s > Z or a.g > Z) then
      local at = #t
      t[at + 1] = string.sub(key, names)
      t[at + 2], t[at + 3], t[at + 4], t[at + 5] = standing(a)
    end
  end
  return finish('L' .. pack(unpack(t)))
end

return run(act, false)
