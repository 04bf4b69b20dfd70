-- KEYS: hash   ARGV: ttl ms (0: leave it as it is), then name, value, ...
-- Returns: how many fields are new, how many there are now
local added = redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if tonumber(ARGV[1]) > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return {added, redis.call('HLEN', KEYS[1])}
