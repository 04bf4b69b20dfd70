-- A miss: look once more, learn the tags' versions, and try to become the one who computes.
-- KEYS: value, lease, tags ...
-- ARGV: token, lease ms, 1 to take the lease in any case, version for tags without one, tag ttl ms, names of the tags ...
-- Returns: {'hit', value} or {'mine', heading} or {'busy'}
-- The heading names each tag with its version; a value that begins with the current heading is fresh.
local heading = 'smeboost1\n'
for position = 3, #KEYS do
  local version = redis.call('GET', KEYS[position])
  if not version then
    version = ARGV[4]
    redis.call('SET', KEYS[position], version, 'PX', ARGV[5])
  end
  heading = heading .. ARGV[position + 3] .. '\t' .. version .. '\n'
end
heading = heading .. '\n'
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, #heading) == heading then
  return {'hit', string.sub(value, #heading + 1)}
end
-- A lease of someone who read older versions guards a value that nobody may serve, so it does not count.
local lease = redis.call('GET', KEYS[2])
if lease and ARGV[3] ~= '1' and string.sub(lease, 33) == heading then
  return {'busy'}
end
redis.call('SET', KEYS[2], ARGV[1] .. heading, 'PX', ARGV[2])
return {'mine', heading}
