/* SPDX-License-Identifier: ISC */
/*
 * Lua, run by Redis. Numbers are doubles there: all indexes lie below 2^53. A script that
 * an error ends in the middle has written what came before it, so `newest` is raised
 * before anything is written under it.
 */
#include "redis_script.h"

/* The engine forgot where another Redis than the one that gave the newest index answers
 * (a replica was promoted, a master restarted: what it has may lack the last changes), or
 * where a process knows a higher index. Then each resource takes a new index above all
 * that can have been given, and everything counts as changed. That is the clock, in
 * microseconds; where the last one began under a clock that was ahead, ten million more
 * than we know of: no failover loses as many. */
#define BEGIN_ANEW                                                                       \
    "local function begin()\n"                                                           \
    "  local said = redis.pcall('XINFO', 'STREAM', log)\n"                               \
    "  local last = 0\n"                                                                 \
    "  if not said.err then\n"                                                           \
    "    for i = 1, #said, 2 do\n"                                                       \
    "      if said[i] == 'last-generated-id' then\n"                                     \
    "        last = tonumber(string.match(said[i + 1], '^%d+'))\n"                       \
    "      end\n"                                                                        \
    "    end\n"                                                                          \
    "  end\n"                                                                            \
    "  local first = math.max(math.max(newest, known, last) + 1e7, clock) + 1\n"         \
    "  local all = redis.call('ZRANGE', index, 0, -1)\n"                                 \
    "  local born = was[4] or (newest + known == 0 and text(first)) or '1'\n"            \
    "  newest = first + #all\n"                                                          \
    "  redis.call('HSET', state, 'format', '1', 'newest', text(newest),\n"               \
    "    'replid', replid, 'everything', text(first), 'everything_at', at,\n"            \
    "    'forgotten', text(first), 'began', text(first), 'born', born)\n"                \
    "  redis.call('DEL', below)\n"                                                       \
    "  for i, path in ipairs(all) do\n"                                                  \
    "    redis.call('ZADD', index, text(first + i), path)\n"                             \
    "    if redis.call('ZSCORE', gone, path) then\n"                                     \
    "      redis.call('ZADD', gone, text(first + i), path)\n"                            \
    "    end\n"                                                                          \
    "  end\n"                                                                            \
    "  redis.call('XADD', log, 'MAXLEN', '~', history, text(newest) .. '-0',\n"          \
    "    'what', 'begin', 'before', '0')\n"                                              \
    "end\n"

#define ADD_ENTRY                                                                        \
    "redis.call('XADD', log, 'MAXLEN', '~', history, text(newest) .. '-0', 'what',\n"    \
    "    what, 'before', text(before), 'path', path, 'at', at, 'type', type,\n"          \
    "    'body', body, 'origin', origin"

#define APPLY                                                                            \
    "local function forget()\n"                                                          \
    "  local surplus = redis.call('ZCARD', gone) - limit\n"                              \
    "  if surplus <= 0 then return end\n"                                                \
    "  surplus = surplus + math.floor(limit / 16)\n"                                     \
    "  local all = redis.call('ZRANGE', gone, 0, surplus - 1, 'WITHSCORES')\n"           \
    "  for i = 1, #all, 2 do\n"                                                          \
    "    redis.call('ZREM', gone, all[i])\n"                                             \
    "    redis.call('ZREM', index, all[i])\n"                                            \
    "    redis.call('SREM', deleted, all[i])\n"                                          \
    "    redis.call('HDEL', times, all[i])\n"                                            \
    "  end\n"                                                                            \
    "  local upto = text(tonumber(all[#all]))\n"                                         \
    "  redis.call('HSET', state, 'forgotten', upto)\n"                                   \
    "  redis.call('XADD', log, 'MAXLEN', '~', history, text(newest) .. '-1',\n"          \
    "    'what', 'forget', 'upto', upto)\n"                                              \
    "end\n"                                                                              \
    "local function everything(path)\n"                                                  \
    "  if path ~= '/' and redis.call('HLEN', below) >= 10000 then path = '/' end\n"      \
    "  if path == '/' then\n"                                                            \
    "    redis.call('DEL', below)\n"                                                     \
    "    redis.call('HSET', state, 'everything', text(newest), 'everything_at', at)\n"   \
    "  else\n"                                                                           \
    "    redis.call('HSET', below, path, text(newest) .. ' ' .. at)\n"                   \
    "  end\n"                                                                            \
    "  return path\n"                                                                    \
    "end\n"                                                                              \
    "local function apply(what, path, type, body, origin, trace)\n"                      \
    "  local before = newest\n"                                                          \
    "  newest = newest + 1\n"                                                            \
    "  redis.call('HSET', state, 'newest', text(newest))\n"                              \
    "  if what == 'everything' then\n"                                                   \
    "    path = everything(path)\n"                                                      \
    "  else\n"                                                                           \
    "    redis.call('ZADD', index, text(newest), path)\n"                                \
    "    redis.call('HSET', times, path, at)\n"                                          \
    "    if what == 'put' then\n"                                                        \
    "      redis.call('HSET', docs, path, type .. '\\n' .. body)\n"                      \
    "      redis.call('ZREM', gone, path)\n"                                             \
    "      redis.call('SREM', deleted, path)\n"                                          \
    "    else\n"                                                                         \
    "      if what == 'delete' then\n"                                                   \
    "        redis.call('HDEL', docs, path)\n"                                           \
    "        redis.call('SADD', deleted, path)\n"                                        \
    "      end\n"                                                                        \
    "      if redis.call('HEXISTS', docs, path) == 0 then\n"                             \
    "        redis.call('ZADD', gone, text(newest), path)\n"                             \
    "      end\n"                                                                        \
    "    end\n"                                                                          \
    "  end\n"                                                                            \
    "  if trace == '' then " ADD_ENTRY ")\n"                                             \
    "  else " ADD_ENTRY ", 'trace', trace) end\n"                                        \
    "end\n"

const char *const redis_scripts[REDIS_SCRIPTS] = {
    [REDIS_PROPOSE] =
        "local state, index, times, docs, gone, deleted = unpack(KEYS, 1, 6)\n"
        "local below, log, alive = unpack(KEYS, 7)\n"
        "local process, connection, number = ARGV[1], ARGV[2], tonumber(ARGV[3])\n"
        "local known, clock, at = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]\n"
        "local limit, history = tonumber(ARGV[7]), ARGV[8]\n"
        "local function text(n) return string.format('%.0f', n) end\n"
        "local current = redis.call('GET', alive)\n"
        "if #ARGV > 8 and current and current ~= connection then\n"
        "  return {'given up'}\n"
        "end\n"
        "local info = redis.call('INFO', 'replication')\n"
        "if connection ~= '0' and string.find(info, 'role:slave', 1, true) then\n"
        "  return {'replica'}\n"
        "end\n"
        "local replid = string.match(info, 'master_replid:(%x+)')\n"
        "local was = redis.call('HMGET', state, 'format', 'newest', 'replid', 'born')\n"
        "if was[1] ~= '1' and (was[1] or redis.call('EXISTS', state) == 1) then\n"
        "  return {'foreign'}\n"
        "end\n"
        "local newest = tonumber(was[2] or '0')\n" BEGIN_ANEW APPLY
        "if was[3] ~= replid or newest < known or newest == 0 then begin() end\n"
        "local answer, made, start = {'ok', '', replid}, {}, newest\n"
        "for i = 9, #ARGV, 6 do\n"
        "  local what, path, base = ARGV[i], ARGV[i + 1], ARGV[i + 2]\n"
        "  local now = redis.call('ZSCORE', index, path)\n"
        "  now = now and tonumber(now) or 0\n"
        "  local holds = base == '*' or (base == 'b' and made[path] == true)\n"
        "    or (made[path] == nil and tonumber(base) == now)\n"
        "  local said = 'again'\n"
        "  if holds then\n"
        "    if what == 'check' then\n"
        "      said = base == 'b' and text(now) or 'same'\n"
        "    elseif what == 'put' and redis.call('HEXISTS', docs, path) == 0 and\n"
        "        redis.call('HLEN', docs) >= limit then\n"
        "      said = 'full'\n"
        "    else\n"
        "      apply(what, path, ARGV[i + 3], ARGV[i + 4],\n"
        "        process .. ':' .. text(number + (i - 9) / 6), ARGV[i + 5])\n"
        "      said = text(newest)\n"
        "    end\n"
        "  end\n"
        "  if what ~= 'everything' and what ~= 'check' then\n"
        "    made[path] = said ~= 'again' and said ~= 'full' and made[path] ~= false\n"
        "      and (base ~= '*' or made[path] == true)\n"
        "  end\n"
        "  answer[#answer + 1] = said\n"
        "end\n"
        "if newest > start then forget() end\n"
        "answer[2] = text(newest)\n"
        "return answer\n",
    [REDIS_PAGE] =
        "local state, index, times, docs = unpack(KEYS, 1, 4)\n"
        "local deleted, below = KEYS[6], KEYS[7]\n"
        "local known, answer = {}, {}\n"
        "local was = redis.call('HMGET', state, 'newest', 'everything',\n"
        "  'everything_at', 'forgotten', 'began', 'replid', 'born')\n"
        "for i = 1, 7 do known[i] = was[i] or '0' end\n"
        "known[8] = '1'\n"
        "local marks = redis.call('HGETALL', below)\n"
        "for i = 1, #marks, 2 do\n"
        "  local n, at = string.match(marks[i + 1], '^(%d+) (%d+)$')\n"
        "  known[#known + 1] = marks[i]\n"
        "  known[#known + 1] = n or '0'\n"
        "  known[#known + 1] = at or '0'\n"
        "end\n"
        "answer[1] = known\n"
        "local count, bytes = tonumber(ARGV[2]), tonumber(ARGV[3])\n"
        "local rows = redis.call('ZRANGEBYSCORE', index, '(' .. ARGV[1], '+inf',\n"
        "  'WITHSCORES', 'LIMIT', 0, count + 1)\n"
        "for i = 1, #rows, 2 do\n"
        "  if i > 2 * count or bytes < 0 then\n"
        "    known[8] = '0'\n"
        "    break\n"
        "  end\n"
        "  local document = redis.call('HGET', docs, rows[i])\n"
        "  bytes = bytes - (document and #document or 0)\n"
        "  answer[#answer + 1] = rows[i]\n"
        "  answer[#answer + 1] = string.format('%.0f', tonumber(rows[i + 1]))\n"
        "  answer[#answer + 1] = redis.call('HGET', times, rows[i]) or '0'\n"
        "  answer[#answer + 1] = document\n"
        "  answer[#answer + 1] = document and 0 or\n"
        "    redis.call('SISMEMBER', deleted, rows[i])\n"
        "end\n"
        "return answer\n",
};
