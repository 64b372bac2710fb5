-- The requests of wrk. Arguments after `--`:
--   file of paths, file of tokens or `-`, index of the first token, mean pause in ms or 0, `close` or `keep`,
--   file of the header lines and body of a POST or `-`, file of further header lines or `-`,
--   what stands before each token, `Authorization: Bearer ` or `DPoP: `
local paths, tokens, index, closing, post, fields, field = {}, nil, 0, '', nil, '', ''

local function lines(name)
  local list = {}
  for line in io.lines(name) do list[#list + 1] = line end
  return list
end

function init(args)
  paths = lines(args[1])
  if args[2] ~= '-' then tokens = lines(args[2]) end
  index = tonumber(args[3])
  local pause = tonumber(args[4])
  if pause > 0 then
    math.randomseed(7)
    -- Pauses of exponential length: independent arrivals, as of real users.
    function delay() return math.floor(-pause * math.log(1 - math.random()) + 0.5) end
  end
  if args[5] == 'close' then closing = 'Connection: close\r\n' end
  if args[6] ~= '-' then
    local file = io.open(args[6])
    post = file:read('a')
    file:close()
  end
  field = args[8]
  if args[7] ~= '-' then fields = table.concat(lines(args[7]), '\r\n') .. '\r\n' end
end

function request()
  local path = paths[index % #paths + 1]
  local token = ''
  if tokens then token = field .. tokens[index % #tokens + 1] .. '\r\n' end
  index = index + 1
  if post then return 'POST ' .. path .. ' HTTP/1.1\r\nHost: api.bench.test\r\n' .. closing .. token .. post end
  return 'GET ' .. path .. ' HTTP/1.1\r\nHost: api.bench.test\r\nAccept: */*\r\n' .. fields .. closing .. token .. '\r\n'
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"bytes":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.bytes, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
