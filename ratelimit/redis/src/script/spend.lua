-- Charges without a hold: all that is not forced, or none of it; what is forced always.
--
-- Arguments: exact, spends m; four per spend: account, limit, amount, 1 to give back (else 0),
-- forced added as 2.
-- Answers: A time, admitted, then five per spend: fits, settled, held, granted, end
local m = r[base + 2]

-- Takes back from what counts, the latest charges first.
local function give_back(a, amount)
  if not a.c then
    a.s = a.s - amount
    if a.s < Z then a.s = Z end
    return
  end
  for k = a.k, a.k - 21, -1 do
    local c = a.c[k]
    if c and c > Z then
      local taken = amount < c and amount or c
      a.c[k], a.s, amount = c - taken, a.s - taken, amount - taken
    end
  end
end

local function act()
  local a = open()
  local fits, admitted, as_if = {}, true, {}
  for i = 1, m do
    local at = base + 2 + 4 * (i - 1)
    local j, limit, amount, how = r[at + 1], r[at + 2], r[at + 3], r[at + 4]
    if B then limit, amount = B(limit), B(amount) end
    local account = a[j]
    local s = as_if[j] or account.s
    if how % 2 == 1 then
      fits[i] = true
      s = s - amount
      if s < Z then s = Z end
    else
      local left = limit + account.g - s - account.h
      fits[i] = left > Z and amount <= left
      s = s + amount
    end
    as_if[j] = s
    if not fits[i] and how < 2 then admitted = false end
  end
  for i = 1, m do
    local at = base + 2 + 4 * (i - 1)
    local account, amount, how = a[r[at + 1]], r[at + 3], r[at + 4]
    if B then amount = B(amount) end
    if (admitted or how >= 2) and amount > Z then
      if how % 2 == 1 then
        give_back(account, amount)
      elseif account.c then
        seldom.charge(account, account.ws, amount)
      else
        account.s = account.s + amount
      end
      account.dirty = true
    end
  end
  local t, at = {now, admitted and 1 or 0}, 2
  for i = 1, m do
    t[at + 1] = fits[i] and 1 or 0
    t[at + 2], t[at + 3], t[at + 4], t[at + 5] = standing(a[r[base + 3 + 4 * (i - 1)]])
    at = at + 5
  end
  return finish('A' .. pack(unpack(t)))
end

return run(act, r[base + 1] == 1)
