-- The usual hold, straight: a new one, on different accounts of calendar windows, that fits in
-- full. It answers and records just what `hold.lua` would, which decides whatever is not usual.
local function usual_hold()
  local due, m = got[1], r[base + 4]
  if not due or now >= tonumber(due) or got[n + 2] or r[base + 2] ~= 0 or m ~= n or n == 0 then
    return nil
  end
  local names, charges = #LIVE + 2, base + 4 + 4 * n
  local t, vals = {r[base + 3], now, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {}
  for i = 1, n do
    local val, at, o, c = got[i + 1], 4 * i, base + 4 * i, charges + 5 * (i - 1)
    if r[at] ~= 0 or r[c + 1] ~= i or r[c + 3] ~= 1 then return nil end
    local ws, we, x, h, s, g
    if val then ws, we, x, h, s, g = unpack_all(val) end
    if not we or now >= we then
      ws, we, x, h, s, g = r[at + 1], r[at + 2], 0, 0, 0, 0
      if now >= we then ws, we = we, r[at + 3] end
      if now < ws or now >= we then return nil end
    end
    if x ~= 0 then return nil end
    local most, limit = r[o + 4], r[c + 2]
    local left = limit + g - s - h
    if left <= 0 or most > left then return nil end
    h = h + most
    if h + s + g >= EXACT_MAX then return nil end
    vals[i] = pack(ws, we, 0, h, s, g)
    local e = 3 * i
    t[e + 1], t[e + 2], t[e + 3] = string.sub(KEYS[i + 1], names), ws, most
    e = 3 * n + 7 * i - 4
    t[e + 1], t[e + 2], t[e + 3], t[e + 4] = i, limit, most, s
    t[e + 5], t[e + 6], t[e + 7] = h, g, we
  end
  for i = 1, n do
    local ws, we = t[3 * i + 2], t[3 * n + 7 * i + 3]
    if we == math.huge then
      call('SET', KEYS[i + 1], vals[i])
    else
      local slack = we - ws
      if slack > SLACK_MAX then slack = SLACK_MAX end
      local left = we - now + slack
      if left > TTL_MAX then left = TTL_MAX end
      call('SET', KEYS[i + 1], vals[i], 'PX', left)
    end
  end
  local record, expires = '\0' .. pack(unpack(t)), now + r[2]
  call('SET', KEYS[n + 2], record)
  call('ZADD', LIVE, expires, string.sub(KEYS[n + 2], -32))
  if expires < tonumber(due) then call('SET', NEXT, expires) end
  return record
end

local usual = usual_hold()
if usual then return usual end

