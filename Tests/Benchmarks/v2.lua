-- wrk script: one kind of v2 request on random keys. Arguments: put|get|qget KEYS VALUE_BYTES

local operation, keys, value
local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
-- Made once: formatting a request for each send would measure the load generator.
local prepared = {}
local PREPARED = 20000

function init(args)
   operation, keys = args[1], tonumber(args[2])
   value = string.rep("v", tonumber(args[3]))
   math.randomseed(os.time())
   for n = 1, PREPARED do
      local path = "/v2/keys/bench/" .. math.random(0, keys - 1)
      if operation == "put" then
         prepared[n] = wrk.format("PUT", path, headers, "value=" .. value)
      elseif operation == "qget" then
         prepared[n] = wrk.format("GET", path .. "?quorum=true")
      else
         prepared[n] = wrk.format("GET", path)
      end
   end
end

local next_request = 0

function request()
   next_request = next_request % PREPARED + 1
   return prepared[next_request]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      'RESULT {"requests": %d, "microseconds": %d, "p99": %d, "errors": %d}\n',
      summary.requests, summary.duration, latency:percentile(99),
      e.connect + e.read + e.write + e.status + e.timeout))
end
