-- Another path for each request; the argument keeps one run's paths apart from another's.
local base, n = "", 0

function init(args)
  base = wrk.path .. args[1] .. "-"
end

function request()
  n = n + 1
  return wrk.format(nil, base .. n)
end
