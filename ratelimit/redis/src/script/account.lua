-- What stands on accounts; a grant on the first of them (2), or its reset (3).
--
-- Arguments: exact, what (1: nothing but look), amount.
-- Answers: S time, four per account: settled, held, granted, end
local function act()
  local a = open()
  local what, amount = r[base + 2], r[base + 3]
  if what == 2 then
    local first = a[1]
    if B then amount = B(amount) end
    first.g = first.g + amount
    if first.c then first.gr[first.k] = (first.gr[first.k] or Z) + amount end
    first.dirty = true
  elseif what == 3 then
    local first = a[1]
    first.s, first.g = Z, Z
    if first.c then first.c, first.gr = {}, {} end
    first.dirty = true
  end
  local t, at = {now}, 1
  for i = 1, n do
    t[at + 1], t[at + 2], t[at + 3], t[at + 4] = standing(a[i])
    at = at + 4
  end
  return finish('S' .. pack(unpack(t)))
end

return run(act, r[base + 1] == 1)
