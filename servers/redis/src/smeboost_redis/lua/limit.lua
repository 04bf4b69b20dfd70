-- GCRA, kept as a leaky bucket in whole numbers, so that nothing is ever rounded.
-- KEYS[1]: bucket   ARGV: limit, period in microseconds, cost
-- One request weighs `period` units, the bucket holds `limit * period` units and leaks `limit` units a microsecond.
-- Returns: allowed (1 or 0), level after the decision, server time in microseconds
local limit, period, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local capacity = limit * period
local level = 0
local state = redis.call('GET', KEYS[1])
if state then
  local stored, at = string.match(state, '^(%d+):(%d+)$')
  if stored then
    -- A clock that was set back must not fill the bucket.
    local elapsed = math.min(math.max(now - tonumber(at), 0), period)
    level = math.max(tonumber(stored) - elapsed * limit, 0)
  end
end
local after = level + cost * period
if after > capacity then
  return {0, string.format('%.0f', level), string.format('%.0f', now)}
end
if cost > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f:%.0f', after, now), 'PX', math.ceil(after / limit / 1000) + 1)
end
return {1, string.format('%.0f', after), string.format('%.0f', now)}
