-- Takes a hold, or (raise) replaces one: all or nothing.
--
-- Arguments: raise (1) or not, exact, want, charges; four per account: fixed and per output
-- of its enforced charges, what they need at least, and at most; five per charge: account, limit,
-- enforced, fixed, per output.
-- Answers: G time body | D time index settled held granted end retry | N time (nothing asked)
local HOLD = KEYS[n + 2]
local ID = string.sub(HOLD, -32)
local raise, want, m = r[base + 1] == 1, r[base + 3], r[base + 4]
local of_account, of_charge = base + 4, base + 4 + 4 * n

-- What would have to pass until `need` fits; `others` is what others hold.
local function retry(a, limit, others, need)
  local first
  if a.c then
    for k in pairs(a.c) do
      if k < a.k and not a.gr[k] then a.gr[k] = Z end
    end
    for k in pairs(a.gr) do
      local at = (k + 1) * a.len + a.span
      if k < a.k and (not first or at < first) then
        local s, g = Z, Z
        for j, amount in pairs(a.c) do
          if j > k then s = s + amount end
        end
        for j, amount in pairs(a.gr) do
          if j > k then g = g + amount end
        end
        local left = limit + g - s - others
        if left > Z and need <= left then first = at end
      end
    end
  end
  return (first or a.we) - now
end

local function act()
  local a = open()
  local rec = got[n + 2]
  if rec and gone and gone[ID] then rec = false end
  local own
  if rec then
    local body, till = body_of(rec)
    if till ~= 0 and till <= now then
      rec = false
    elseif till ~= 0 or not raise then
      return finish('G' .. pack(now) .. body)
    else
      own = {unpack_all(body)}
    end
  end
  local had = {}
  if own then
    for i = 0, own[3] - 1 do
      local sum = own[6 + 3 * i]
      if B then sum = B(sum) elseif type(sum) ~= 'number' then sum, big = 0, true end
      local key = prefix() .. 'a:' .. own[4 + 3 * i]
      for j = 1, n do
        if a[j].key == key and (a[j].c or a[j].ws == own[5 + 3 * i]) then had[j] = sum end
      end
    end
  end
  -- The decision. Of what does not fit the tightest frees latest, then has least left.
  local output, tightest, latest, least = want, nil, nil, nil
  if B then output = B(output) end
  for i = 1, m do
    local at = of_charge + 5 * (i - 1)
    if r[at + 3] == 1 then
      local j, limit = r[at + 1], r[at + 2]
      local o = of_account + 4 * (j - 1)
      local fixed, per, need, most = r[o + 1], r[o + 2], r[o + 3], r[o + 4]
      if B then limit, fixed, per, need, most = B(limit), B(fixed), B(per), B(need), B(most) end
      local account, mine = a[j], had[j]
      local others = mine and account.h - mine or account.h
      local room = limit + account.g - account.s - others
      if not ((mine and need <= mine) or (room > Z and need <= room)) then
        local wait = retry(account, limit, others, need)
        local left = limit + account.g - account.s - account.h
        if left < Z then left = Z end
        if not tightest or wait > latest or (wait == latest and left < least) then
          tightest, latest, least = i, wait, left
        end
      else
        if mine and room < mine then room = mine end
        if room < most and per > Z then
          local fits = B and B.div(room - fixed, per) or math.floor((room - fixed) / per)
          if fits < output then output = fits end
        end
      end
    end
  end
  if tightest then
    local account = a[r[of_charge + 5 * (tightest - 1) + 1]]
    local s, h, g, over = standing(account)
    return finish('D' .. pack(now, tightest, s, h, g, over, latest))
  end
  if own then release(own) end
  -- Recorded on every account, then the states that show it.
  local sums, held = {}, {}
  for i = 1, m do
    local at = of_charge + 5 * (i - 1)
    local j, fixed, per = r[at + 1], r[at + 4], r[at + 5]
    local amount
    if B then amount = B.muladd(B(fixed), output, B(per)) else amount = fixed + per * output end
    local account = a[j]
    account.h = account.h + amount
    account.dirty = true
    held[i] = amount
    sums[j] = sums[j] and sums[j] + amount or amount
  end
  if m == 0 then
    local reply = finish('N' .. pack(now))
    if reply and rec and not stale then
      call('DEL', HOLD)
      call('ZREM', LIVE, ID)
    end
    return reply
  end
  local names, t = #prefix() + 3, {enc(output), now, n}
  local at = 3
  for j = 1, n do
    t[at + 1], t[at + 2], t[at + 3] = string.sub(a[j].key, names), a[j].ws, enc(sums[j])
    at = at + 3
  end
  for i = 1, m do
    local o = of_charge + 5 * (i - 1)
    local account = a[r[o + 1]]
    t[at + 1], t[at + 2], t[at + 3] = r[o + 1], r[o + 2], enc(held[i])
    t[at + 4], t[at + 5], t[at + 6], t[at + 7] = standing(account)
    at = at + 7
  end
  local body = pack(unpack(t))
  local reply = finish('G' .. pack(now) .. body)
  if reply and not stale then
    local expires = now + r[2]
    call('SET', HOLD, '\0' .. body)
    call('ZADD', LIVE, expires, ID)
    if expires < tonumber(got[1]) then call('SET', NEXT, expires) end
  end
  return reply
end

return run(act, r[base + 2] == 1)
