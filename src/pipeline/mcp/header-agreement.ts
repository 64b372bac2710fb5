import { foldHeaderName } from '../../config/identity-headers.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { mirrorsBody } from './mcp-vocabulary.ts';
import type { Message } from './read-message.ts';

/** The fields that repeat what stands in the message. */
interface Mirrors {
  readonly 'mcp-protocol-version'?: string;
  readonly 'mcp-method'?: string;
  readonly 'mcp-name'?: string;
}

/**
 * Compares the fields with the message (MCP 2026-07-28, "Server Validation"), so that proxies that route by them and the server that
 * reads the body act on the same. `passed` are the fields that go up: names and values in turn.
 */
export function checkHeaderAgreement(passed: readonly string[], message: Message): Refusal | undefined {
  const mirrors = readMirrors(passed);
  if (typeof mirrors === 'string') return refuse('mcp_header_twice', mirrors);
  const version = mirrors['mcp-protocol-version'];
  const method = mirrors['mcp-method'];
  const name = mirrors['mcp-name'];
  if (message.version !== undefined && version === undefined)
    return refuse('mcp_header_missing', '`_meta` states a version, and MCP-Protocol-Version is missing');
  if (message.version !== undefined && version !== message.version)
    return mismatch('MCP-Protocol-Version is not the version in `_meta`');
  if (method !== undefined && method !== message.method)
    return mismatch('Mcp-Method is not the method of the message');
  const isMirrored = message.kind === 'request' && mirrorsBody(version);
  if (isMirrored && method === undefined)
    return refuse('mcp_header_missing', 'Mcp-Method is missing, which this version of MCP requires');
  if (name === undefined) {
    return isMirrored && NAMED.has(message.method as string)
      ? refuse('mcp_header_missing', 'Mcp-Name is missing, which this version of MCP requires')
      : undefined;
  }
  const decoded = decodeName(name);
  return decoded !== undefined && namesOf(message).includes(decoded)
    ? undefined
    : mismatch('Mcp-Name is not what the message names');
}

/** The version that the header states, for messages that cannot state one themselves. */
export function statedVersion(passed: readonly string[]): string | undefined {
  const mirrors = readMirrors(passed);
  return typeof mirrors === 'string' ? undefined : mirrors['mcp-protocol-version'];
}

function mismatch(reason: string): Refusal {
  return refuse('mcp_header_mismatch', reason);
}

const NAMED: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
const FIELDS: ReadonlySet<string> = new Set(['mcp-protocol-version', 'mcp-method', 'mcp-name']);

/** Why not, where one comes twice or in a spelling that CGI-style servers take for it. */
function readMirrors(passed: readonly string[]): Mirrors | string {
  const mirrors: Record<string, string> = {};
  for (let at = 0; at < passed.length; at += 2) {
    const folded = foldHeaderName(passed[at] as string);
    if (!FIELDS.has(folded)) continue;
    if (folded in mirrors || (passed[at] as string).toLowerCase() !== folded)
      return 'a field that repeats the message comes twice or in another spelling';
    mirrors[folded] = (passed[at + 1] as string).trim();
  }
  return mirrors;
}

/** Methods of extensions name tasks too; others only what a `name` or `uri` names. */
function namesOf({ method, params, named }: Message): readonly unknown[] {
  if (named.length === 1 && method !== 'completion/complete') return [named[0]?.name];
  return [params.name, params.uri, params.taskId].filter((value) => typeof value === 'string');
}

const SENTINEL = /^=\?base64\?(.*)\?=$/s;

/** Undefined where the encoding is not canonical, or its bytes are not UTF-8. */
function decodeName(value: string): string | undefined {
  const encoded = SENTINEL.exec(value)?.[1];
  if (encoded === undefined) return value;
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  return bytes.toString('base64') === encoded && Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}
