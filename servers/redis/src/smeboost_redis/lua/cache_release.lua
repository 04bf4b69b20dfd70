-- KEYS: lease   ARGV: token
local lease = redis.call('GET', KEYS[1])
if lease and string.sub(lease, 1, 32) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
