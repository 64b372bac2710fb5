import { createHash } from 'node:crypto';
import type { RedisClient } from '../../redis/redis-connection.ts';

const PREFIX = 'sealgate:revocation:';

/** Records by field; fields by the number of their last change; fields of entries, then of what was taken back, by their end; the last number; the mark. */
const KEYS = ['entries', 'order', 'ends', 'takenBack', 'seq', 'mark'].map((name) => `${PREFIX}${name}`);

/** Subscribers hear every database of a server. */
export function channelOf(database: string): string {
  return `${PREFIX}changes:${database}`;
}

const MAKE_MARK = `
local function markOf(made)
  local mark = redis.call('GET', KEYS[6])
  if mark then return mark end
  redis.call('SET', KEYS[6], made)
  return made
end
`;

/**
 * Adds a batch: all or, for want of room, none. What is over by the clock of the server and by that of the caller goes first, so that neither
 * that jumps ahead ends anything. Two records of a field become one, as in the index of a gateway: the later end, the later \`before\`.
 *
 * An entry that is \`new\` counts, whatever was taken back before it, and moves behind that; so it does not matter whose clock is ahead. One that
 * comes \`late\`, from a gateway that could not reach the store, must have arrived no earlier; one that is only \`known\`, later.
 */
const ADD_SCRIPT = `${MAKE_MARK}
local age, max, now, origin = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[6]
local over = math.min(tonumber(redis.call('TIME')[1]), now) - 60

local function parse(record)
  local kind, ending, at, til, before = string.match(record, '^([ar]) (%d+) (%d+) (%S+) (%S+)$')
  return kind and { kind = kind, ending = tonumber(ending), at = tonumber(at), til = til, before = tonumber(before) }
end

local function write(r)
  local before = r.before and string.format('%.0f', r.before) or '-'
  return string.format('%s %.0f %.0f %s %s', r.kind, r.ending, r.at, r.til, before)
end

local function prune(key)
  local gone = redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. over, 'LIMIT', 0, 1000)
  if #gone == 0 then return false end
  redis.call('ZREM', key, unpack(gone))
  redis.call('ZREM', KEYS[2], unpack(gone))
  redis.call('HDEL', KEYS[1], unpack(gone))
  return true
end

local function furthest(a, b)
  return a and b and math.max(a, b) or a or b
end

-- Gives what the field holds from now on, or nil where the change makes no difference, and whether it lost.
local function merge(old, new)
  if not old then return new, false end
  if new.kind == 'a' and old.kind == 'a' then
    local before = furthest(old.before, new.before)
    if new.ending > old.ending then
      return { kind = 'a', ending = new.ending, at = new.at, til = new.til, before = before }, false
    end
    local isLater = old.til ~= '-' and new.at > old.at
    if before == old.before and not isLater then return nil, false end
    return { kind = 'a', ending = old.ending, at = isLater and new.at or old.at, til = old.til, before = before }, false
  end
  if new.kind == 'a' then
    local reachesFurther = old.before and new.before and new.before > old.before
    local isLater = age == 'new' or new.at > old.at or (age == 'late' and new.at == old.at)
    if not reachesFurther and not isLater then return nil, true end
    if new.at <= old.at then
      if new.til == '-' then new.ending = new.ending + old.at + 1 - new.at end
      new.at = old.at + 1
    end
    return new, false
  end
  if old.kind == 'a' then
    if new.before and old.before and old.before > new.before then return nil, true end
    if age ~= 'new' and (new.at < old.at or (age == 'late' and new.at == old.at)) then return nil, true end
    new.at = math.max(new.at, old.at)
    new.ending = math.max(new.ending, old.ending)
    return new, false
  end
  local before = new.before
  if old.before and before and old.before > before then before = old.before end
  if not old.before then before = nil end
  if before == old.before and new.at <= old.at and new.ending <= old.ending then return nil, false end
  return { kind = 'r', ending = math.max(old.ending, new.ending), at = math.max(old.at, new.at), til = '-', before = before }, false
end

local fields, records = {}, {}
for i = 7, #ARGV, 2 do
  fields[#fields + 1] = ARGV[i]
  records[#records + 1] = ARGV[i + 1]
end

local function isFull(key, more)
  return more > 0 and redis.call('ZCARD', key) + more > max
end

prune(KEYS[3])
prune(KEYS[4])
local found = redis.call('HMGET', KEYS[1], unpack(fields))
local orders = age == 'known' and redis.call('ZMSCORE', KEYS[2], unpack(fields))
local lines, lost, sets, changed = {}, {}, {}, {}
local added, takenBack, altered = 0, 0, false
for i, field in ipairs(fields) do
  local old = found[i] and parse(found[i])
  local new = parse(records[i])
  local merged, hasLost = merge(old, new)
  -- A store that has lost a part of its keys gets it back.
  if not merged and not hasLost and orders and not orders[i] then merged = old end
  if hasLost then lost[#lost + 1] = found[i] .. ' ' .. field end
  if merged then
    local record = write(merged)
    if record ~= records[i] then altered = true end
    lines[#lines + 1] = record .. ' ' .. field
    sets[#sets + 1] = field
    sets[#sets + 1] = record
    changed[#changed + 1] = { field, merged }
    if merged.kind == 'a' and (not old or old.kind == 'r') then added = added + 1 end
    if merged.kind == 'r' and (not old or old.kind == 'a') then takenBack = takenBack + 1 end
  end
end
while isFull(KEYS[3], added) and prune(KEYS[3]) do end
while isFull(KEYS[4], takenBack) and prune(KEYS[4]) do end
if isFull(KEYS[3], added) or isFull(KEYS[4], takenBack) then return { 'full' } end

local mark = markOf(ARGV[4])
local seq = redis.call('GET', KEYS[5]) or '0'
if #changed == 0 then return { 'kept', mark, seq, lost } end
local last = redis.call('INCRBY', KEYS[5], #changed)
local first = last - #changed
local orderly, entries, others, leftEntries, leftOthers = {}, {}, {}, {}, {}
for i, one in ipairs(changed) do
  local field, record = one[1], one[2]
  orderly[#orderly + 1] = first + i
  orderly[#orderly + 1] = field
  local scores = record.kind == 'a' and entries or others
  scores[#scores + 1] = record.ending
  scores[#scores + 1] = field
  local left = record.kind == 'a' and leftOthers or leftEntries
  left[#left + 1] = field
end
redis.call('HSET', KEYS[1], unpack(sets))
redis.call('ZADD', KEYS[2], unpack(orderly))
if #entries > 0 then redis.call('ZADD', KEYS[3], unpack(entries)) end
if #others > 0 then redis.call('ZADD', KEYS[4], unpack(others)) end
if #leftEntries > 0 then redis.call('ZREM', KEYS[3], unpack(leftEntries)) end
if #leftOthers > 0 then redis.call('ZREM', KEYS[4], unpack(leftOthers)) end
local head = string.format('%s %s %.0f %.0f', mark, altered and '-' or origin, first, last)
redis.call('PUBLISH', ARGV[5], head .. '\\n' .. table.concat(lines, '\\n'))
return { 'kept', mark, string.format('%.0f', last), lost }
`;

/** Gives a page of what changed after a number, in order, each in its present state. What is too large to be a record is only counted. */
const READ_SCRIPT = `${MAKE_MARK}
local mark = markOf(ARGV[3])
local seq = redis.call('GET', KEYS[5]) or '0'
local limit = tonumber(ARGV[2])
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
local fields, lines, foreign = {}, {}, 0
for i = 1, #found, 2 do fields[#fields + 1] = found[i] end
if #fields > 0 then
  local records = redis.call('HMGET', KEYS[1], unpack(fields))
  for i, record in ipairs(records) do
    if record and #record <= 100 and #fields[i] <= 4000 then
      lines[#lines + 1] = record .. ' ' .. fields[i]
    else
      foreign = foreign + 1
    end
  end
end
local missing = redis.call('ZCARD', KEYS[2]) - redis.call('HLEN', KEYS[1])
return { mark, seq, found[#found] or seq, #fields < limit and 1 or 0, foreign, missing, lines }
`;

interface Script {
  readonly text: string;
  readonly sha1: string;
}

const ADD = toScript(ADD_SCRIPT);
const READ = toScript(READ_SCRIPT);

function toScript(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

async function run(client: RedisClient, { sha1, text }: Script, values: readonly string[]): Promise<unknown> {
  const options = { keys: KEYS, arguments: [...values] };
  try {
    return await client.evalSha(sha1, options);
  } catch (error) {
    if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
    return client.eval(text, options);
  }
}

/** \`new\`: just arrived. \`late\`: arrived while the store was out of reach. \`known\`: was there, or is read from somewhere. */
export type RecordAge = 'new' | 'late' | 'known';

export interface AddRequest {
  readonly age: RecordAge;
  readonly maxEntries: number;
  readonly nowSeconds: number;
  /** The mark of the store if it has none. */
  readonly newMark: string;
  readonly channel: string;
  /** Who adds, for the message. */
  readonly origin: string;
  /** At most 500, no field twice. */
  readonly records: readonly { readonly field: string; readonly record: string }[];
}

export interface Added {
  readonly mark: string;
  readonly seq: number;
  /** Lines of fields in which what is there counts. */
  readonly lost: readonly string[];
}

export async function addRecords(client: RedisClient, request: AddRequest): Promise<Added | 'full'> {
  const { age, maxEntries, nowSeconds, newMark, channel, origin, records } = request;
  const values = [age, String(maxEntries), String(nowSeconds), newMark, channel, origin];
  for (const { field, record } of records) values.push(field, record);
  const reply = (await run(client, ADD, values)) as [string, string, string, readonly string[]];
  if (reply[0] === 'full') return 'full';
  return { mark: reply[1], seq: toNumber(reply[2]), lost: reply[3] };
}

export interface Page {
  readonly mark: string;
  /** Of the store's last change. */
  readonly seq: number;
  /** Where to read on. */
  readonly next: number;
  readonly isLast: boolean;
  /** What could be no record. */
  readonly foreign: number;
  /** Not zero where a part of the store's keys is gone, or somebody else has written to them. */
  readonly missing: number;
  readonly lines: readonly string[];
}

const PAGE_RECORDS = 2_000;

export async function readRecords(client: RedisClient, after: number, newMark: string): Promise<Page> {
  const reply = await run(client, READ, [String(after), String(PAGE_RECORDS), newMark]);
  const [mark, seq, last, isLast, foreign, missing, lines] = reply as [
    string,
    string,
    string,
    number,
    number,
    number,
    readonly string[],
  ];
  const page = { mark, seq: toNumber(seq), isLast: isLast === 1, foreign, missing, lines };
  return { ...page, next: page.isLast ? page.seq : toNumber(last) };
}

function toNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error('the sequence of the store is not a number');
  return number;
}
