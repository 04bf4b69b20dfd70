-- Give a turn, or say when to ask again: the rules of `asks.py`, in whole microseconds of this server's clock.
-- KEYS: born, tally, then of each limit its uses, queue and state, then the pauses
-- ARGV: id, priority (0 goes first), since (0: new), patience, late, lead, visit, grace, background share,
--   spread in thousandths, lines at most, line for the others, life of a tally in ms, life of a state in ms,
--   number of limits, then of each limit most, period and cost, then the tally's lines
-- Returns: {now, 'go', when it begins, tallied} or {now, 'wait', microseconds, since}
--   or {now, 'refused', microseconds, pause or 0}
-- uses: when units are free again, by 'o:<id>:<cost>' (open: not done) or 'd:<id>:<cost>'
-- queue: next visit, by '<priority><since>:<id>:<cost>'; these sort in the order of their turns
-- state: `spread`, `streak`, and the fastest time of each kind
local id, priority, since, patience = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local late, lead, visit, grace = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local share, spread, limits = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[15])
local first_line = 16 + 3 * limits
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
if since == 0 then
  since = now
end

local function whole(number)
  return string.format('%.0f', number)
end

local function cost_of(member)
  return tonumber(string.match(member, ':(%d+)$'))
end

local function count_call()
  for position = first_line, #ARGV do
    local line = ARGV[position]
    if redis.call('HEXISTS', KEYS[2], line) == 0 and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[11]) then
      line = ARGV[12]
    end
    redis.call('HINCRBY', KEYS[2], line, 1)
    redis.call('PEXPIRE', KEYS[2], ARGV[13])
  end
end

local function tallied()
  return first_line <= #ARGV and tonumber(redis.call('HGET', KEYS[2], ARGV[first_line])) or 0
end

local function held_up(wait, pause)
  if wait > patience then
    return {whole(now), 'refused', whole(wait), pause}
  end
  return {whole(now), 'wait', whole(math.min(wait, visit)), whole(since)}
end

-- Pauses, and a server that has just begun: it does not know who had a turn a moment ago.
local paused, pause = 0, 0
for position = 3 * limits + 3, #KEYS do
  local left = redis.call('PTTL', KEYS[position]) * 1000
  if left > paused then
    paused, pause = left, position - 3 * limits - 2
  end
end
if paused > 0 then
  return held_up(paused, pause)
end
local born = redis.call('GET', KEYS[1])
if not born then
  redis.call('SET', KEYS[1], whole(now))
  born = now
end
local known_from = tonumber(born) + math.min(tonumber(ARGV[17]), visit + late)
if now < known_from and now >= tonumber(born) then
  return held_up(known_from - now, 0)
end

local Limit = {}
for number = 1, limits do
  local at = 13 + 3 * number
  Limit[number] = {
    uses = KEYS[3 * number], queue = KEYS[3 * number + 1], state = KEYS[3 * number + 2],
    most = tonumber(ARGV[at]), period = tonumber(ARGV[at + 1]), cost = tonumber(ARGV[at + 2]),
  }
  Limit[number].mine = priority .. string.format('%016.0f', since) .. ':' .. id .. ':' .. ARGV[at + 2]
  Limit[number].use = ':' .. id .. ':' .. ARGV[at + 2]
end

local function waiting(limit)
  -- What no visit can be has been written by a clock that was set back since.
  redis.call('ZREMRANGEBYSCORE', limit.queue, '-inf', whole(now - grace))
  redis.call('ZREMRANGEBYSCORE', limit.queue, '(' .. whole(now + visit), '+inf')
  local first, later = {}, {}
  for _, ticket in ipairs(redis.call('ZRANGE', limit.queue, 0, -1)) do
    if ticket ~= limit.mine then
      table.insert(string.sub(ticket, 1, 1) == '0' and first or later, ticket)
    end
  end
  table.sort(first)
  table.sort(later)
  return first, later
end

local function before(tickets, mine)
  local found = 0
  while found < #tickets and tickets[found + 1] < mine do
    found = found + 1
  end
  return found
end

local function units_ahead(limit)
  local first, later = waiting(limit)
  limit.background_waits = #later > 0
  local streak = tonumber(redis.call('HGET', limit.state, 'streak')) or 0
  local first_count, later_count
  if priority == '0' then
    first_count = before(first, limit.mine)
    later_count = math.min(#later, math.floor((streak + first_count) / share))
  else
    later_count = before(later, limit.mine)
    first_count = math.min(#first, math.max(0, share * (later_count + 1) - streak))
  end
  local units = 0
  for position = 1, first_count do
    units = units + cost_of(first[position])
  end
  for position = 1, later_count do
    units = units + cost_of(later[position])
  end
  return units
end

local function uses_of(limit)
  redis.call('ZREMRANGEBYSCORE', limit.uses, '-inf', whole(now - late))
  redis.call('ZREMRANGEBYSCORE', limit.uses, '(' .. whole(now + lead + limit.period + late), '+inf')
  local members = redis.call('ZRANGE', limit.uses, 0, -1, 'WITHSCORES')
  local found = {}
  for position = 1, #members, 2 do
    local ends = tonumber(members[position + 1])
    if ends <= now + lead and string.sub(members[position], 1, 1) == 'o' then
      ends = ends + late
    end
    if ends > now then
      table.insert(found, {ends, cost_of(members[position])})
    end
  end
  table.sort(found, function(one, other)
    return one[1] < other[1] or (one[1] == other[1] and one[2] < other[2])
  end)
  return found
end

local function turn_at(limit)
  local uses = uses_of(limit)
  local lacking = units_ahead(limit) + limit.cost - limit.most
  for _, use in ipairs(uses) do
    lacking = lacking + use[2]
  end
  local found = now
  if lacking > 0 then
    local rounds = math.floor((lacking - 1) / limit.most)
    local place = (lacking - 1) % limit.most
    found = now + limit.period
    for _, use in ipairs(uses) do
      place = place - use[2]
      if place < 0 then
        found = use[1]
        break
      end
    end
    found = found + rounds * limit.period
  end
  if priority ~= '0' then
    found = math.max(found, math.min(tonumber(redis.call('HGET', limit.state, 'spread')) or 0, now + lead + limit.period))
  end
  return found
end

local function give(limit, begins)
  redis.call('ZADD', limit.uses, whole(begins + limit.period), 'o' .. limit.use)
  redis.call('PEXPIRE', limit.uses, math.ceil((lead + limit.period + 2 * late) / 1000))
  local streak = 0
  if limit.background_waits and priority == '0' then
    streak = (tonumber(redis.call('HGET', limit.state, 'streak')) or 0) + 1
  end
  local spread_until = begins + math.floor(spread * limit.period * limit.cost / (1000 * limit.most))
  redis.call('HSET', limit.state, 'streak', streak, 'spread', whole(spread_until))
  redis.call('PEXPIRE', limit.state, ARGV[14])
end

local first = Limit[1]
local open, done = redis.call('ZSCORE', first.uses, 'o' .. first.use), redis.call('ZSCORE', first.uses, 'd' .. first.use)
if open and tonumber(open) + late > now then
  return {whole(now), 'go', whole(tonumber(open) - first.period), tallied()}
elseif done and tonumber(done) > now then
  return {whole(now), 'go', whole(now), tallied()}
end
local latest, binding = now, nil
for _, limit in ipairs(Limit) do
  local found = turn_at(limit)
  if found > latest then
    latest, binding = found, limit
  end
end
for _, limit in ipairs(Limit) do
  redis.call('ZREM', limit.queue, limit.mine)
end
if latest <= now + lead then
  for _, limit in ipairs(Limit) do
    give(limit, latest)
  end
  count_call()
  return {whole(now), 'go', whole(latest), tallied()}
end
if latest > now + patience then
  return {whole(now), 'refused', whole(latest - now), 0}
end
-- It waits where it is held up, and is in nobody's way elsewhere.
local next_visit = math.min(latest - lead, now + visit)
redis.call('ZADD', binding.queue, whole(next_visit), binding.mine)
redis.call('PEXPIRE', binding.queue, math.ceil((visit + grace) / 1000))
return {whole(now), 'wait', whole(next_visit - now), whole(since)}
