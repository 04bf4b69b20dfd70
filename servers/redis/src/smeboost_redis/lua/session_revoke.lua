-- KEYS: index of the user, then sessions   ARGV: the ids of the sessions, in the same order
-- Returns: how many were alive
local ended = 0
for position, id in ipairs(ARGV) do
  ended = ended + redis.call('DEL', KEYS[position + 1])
  redis.call('ZREM', KEYS[1], id)
end
return ended
