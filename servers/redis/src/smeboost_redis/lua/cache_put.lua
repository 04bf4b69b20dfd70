-- Store a value under the present versions of its tags, and end the lease of whoever computes it.
-- KEYS: value, lease, tags ...   ARGV: value, ttl ms, version for tags without one, tag ttl ms, names of the tags ...
local heading = 'smeboost1\n'
for position = 3, #KEYS do
  local version = redis.call('GET', KEYS[position])
  if not version then
    version = ARGV[3]
    redis.call('SET', KEYS[position], version, 'PX', ARGV[4])
  elseif redis.call('PTTL', KEYS[position]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[position], ARGV[4])
  end
  heading = heading .. ARGV[position + 2] .. '\t' .. version .. '\n'
end
redis.call('SET', KEYS[1], heading .. '\n' .. ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return 1
