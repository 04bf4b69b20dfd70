-- Store what was computed, unless a tag was invalidated or the lease was lost in the meantime.
-- KEYS: value, lease, tags ...   ARGV: token, heading, value, ttl ms, tag ttl ms, names of the tags ...
-- Returns: 1 when it was stored
if redis.call('GET', KEYS[2]) ~= ARGV[1] .. ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[2])
local heading = 'smeboost1\n'
for position = 3, #KEYS do
  local version = redis.call('GET', KEYS[position])
  if not version then
    return 0
  end
  heading = heading .. ARGV[position + 3] .. '\t' .. version .. '\n'
end
if heading .. '\n' ~= ARGV[2] then
  return 0
end
for position = 3, #KEYS do
  -- A version must outlive the values that carry it, or they would be lost too early.
  if redis.call('PTTL', KEYS[position]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[position], ARGV[5])
  end
end
redis.call('SET', KEYS[1], ARGV[2] .. ARGV[3], 'PX', ARGV[4])
return 1
