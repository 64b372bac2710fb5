import { isUtf8 } from 'node:buffer';
import type { McpKind } from '../../config/mcp/mcp-methods.ts';
import { readStrictObject } from '../../core/json/strict-json.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { foldName } from './fold-name.ts';
import {
  type DefinedNames,
  FILTER_NAMES,
  META_NAMES,
  PARAMS_NAMES,
  REF_NAMES,
  resemblesMcpMethod,
  TOP_NAMES,
  VERSION_NAME,
} from './mcp-vocabulary.ts';
import { findUriFlaw } from './resource-uri.ts';

/** One JSON-RPC message with one meaning, as far as decisions depend on it. */
export interface Message {
  readonly kind: 'request' | 'notification' | 'response';
  /** Undefined in a response. */
  readonly method: string | undefined;
  readonly params: Params;
  /** The revision of MCP that `_meta` states. */
  readonly version: string | undefined;
  /** The tools, prompts and resources that it is about. */
  readonly named: readonly Named[];
  /** Set where the method is about something of a kind, but does not name it as MCP wants it. */
  readonly unnamed: McpKind | 'ref' | undefined;
}

export interface Named {
  readonly kind: McpKind;
  readonly name: string;
}

type Params = Readonly<Record<string, unknown>>;

/** Deeper than any message that servers accept, and shallow enough for a walk. */
const MAX_DEPTH = 64;
const READING = { maxDepth: MAX_DEPTH, inexact: undefined } as const;
const NO_PARAMS: Params = Object.freeze(Object.create(null));
const NOTHING: readonly Named[] = Object.freeze([]);

/**
 * Reads the body of a request as the one message that it must be (MCP, "Sending Messages"). Refuses what two readers could read in
 * two ways: the server must find in these bytes what the decision found.
 */
export function readMessage(bytes: Uint8Array): Message | Refusal {
  if (!isUtf8(bytes)) return refuse('mcp_not_json', 'the message is not UTF-8');
  const top = readStrictObject(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(), READING);
  if (typeof top === 'string') {
    if (top === 'not JSON') return refuse('mcp_not_json', 'the message is not JSON');
    return top === 'not a JSON object'
      ? notMessage('the message is not a JSON object')
      : refuse('mcp_names', `the message is refused: ${top}`);
  }
  const { method, params = NO_PARAMS, id } = top;
  if (!isObject(params)) return notMessage('`params` is not an object');
  const flaw = findNameFlaw(top, params);
  if (flaw !== undefined) return refuse('mcp_names', flaw);
  if (top.jsonrpc !== '2.0') return notMessage('`jsonrpc` is not "2.0"');
  if ('id' in top && typeof id !== 'string' && typeof id !== 'number')
    return notMessage('`id` is neither a string nor a number');
  const results = Number('result' in top) + Number('error' in top);
  if (!('method' in top)) {
    // An error that concerns no request has no id.
    return results === 1 && ('id' in top || 'error' in top)
      ? {
          kind: 'response',
          method: undefined,
          params: NO_PARAMS,
          version: undefined,
          named: NOTHING,
          unnamed: undefined,
        }
      : notMessage('the message is neither a request nor a notification nor a response');
  }
  if (results > 0) return notMessage('the message is both a request and a response');
  if (typeof method !== 'string') return notMessage('`method` is not a string');
  if (!isPlain(method) || /\s/.test(method) || resemblesMcpMethod(method))
    return notMessage('`method` is nearly that of another method');
  const version = isObject(params._meta) ? params._meta[VERSION_NAME] : undefined;
  if (version !== undefined && typeof version !== 'string')
    return notMessage('the version in `_meta` is not a string');
  const names = findNames(method, params);
  if ('flaw' in names) return refuse(names.cause, names.flaw);
  return { kind: 'id' in top ? 'request' : 'notification', method, params, version, ...names };
}

function notMessage(reason: string): Refusal {
  return refuse('mcp_not_message', reason);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const HALF_PAIR = /\p{Surrogate}/u;

/** Neither U+0000, at which some readers end a text, nor half a surrogate pair, which readers replace. */
function isPlain(text: string): boolean {
  return !text.includes('\u0000') && !HALF_PAIR.test(text);
}

/** Names that lenient readers take for others, in the places that decide. */
function findNameFlaw(top: Readonly<Record<string, unknown>>, params: Params): string | undefined {
  return (
    findFoldedNames(top, TOP_NAMES) ??
    findFoldedNames(params, PARAMS_NAMES) ??
    findFoldedNames(params.ref, REF_NAMES) ??
    findVariants(params.notifications, FILTER_NAMES) ??
    findVariants(params._meta, META_NAMES)
  );
}

function findFoldedNames(object: unknown, defined: DefinedNames): string | undefined {
  const flaw = findVariants(object, defined);
  if (flaw !== undefined || !isObject(object)) return flaw;
  const seen = new Set<string>();
  for (const name in object) {
    if (HALF_PAIR.test(name)) return 'a name has half a surrogate pair';
    const folded = foldName(name);
    if (seen.has(folded)) return 'two names differ only in case or by U+0000';
    seen.add(folded);
  }
  return undefined;
}

function findVariants(object: unknown, defined: DefinedNames): string | undefined {
  if (!isObject(object)) return undefined;
  for (const name in object) {
    const meant = defined.get(foldName(name));
    if (meant !== undefined && meant !== name) return `a name is nearly \`${meant}\``;
  }
  return undefined;
}

type Names = Pick<Message, 'named' | 'unnamed'>;
type NameFlaw = { readonly flaw: string; readonly cause: 'mcp_not_message' | 'mcp_uri' };

/** What the methods that name something name. */
function findNames(method: string, params: Params): Names | NameFlaw {
  switch (method) {
    case 'tools/call':
      return nameOf('tools', params.name);
    case 'prompts/get':
      return nameOf('prompts', params.name);
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return nameOf('resources', params.uri);
    case 'subscriptions/listen':
      return subscribed(params.notifications);
    case 'completion/complete':
      return referred(params.ref);
    default:
      return { named: NOTHING, unnamed: undefined };
  }
}

function nameOf(kind: McpKind, name: unknown): Names | NameFlaw {
  if (name === undefined) return { named: NOTHING, unnamed: kind };
  if (typeof name !== 'string')
    return { flaw: 'what the method names is not a string', cause: 'mcp_not_message' };
  if (!isPlain(name))
    return { flaw: 'the name has U+0000 or half a surrogate pair', cause: 'mcp_not_message' };
  const flaw = kind === 'resources' ? findUriFlaw(name) : undefined;
  if (flaw !== undefined) return { flaw: `the URI has ${flaw}`, cause: 'mcp_uri' };
  return { named: [{ kind, name }], unnamed: undefined };
}

function subscribed(filter: unknown): Names | NameFlaw {
  if (filter === undefined) return { named: NOTHING, unnamed: undefined };
  const uris = isObject(filter) ? (filter.resourceSubscriptions ?? []) : undefined;
  if (!Array.isArray(uris))
    return { flaw: 'what is subscribed to is not a list of URIs', cause: 'mcp_not_message' };
  const named: Named[] = [];
  for (const uri of uris as readonly unknown[]) {
    const names = nameOf('resources', uri ?? null);
    if ('flaw' in names) return names;
    named.push(...names.named);
  }
  return { named, unnamed: undefined };
}

/** Of a prompt or a template of resources. With the members of both, servers could take it for either. */
function referred(ref: unknown): Names | NameFlaw {
  if (!isObject(ref)) return { named: NOTHING, unnamed: 'ref' };
  const { type, name, uri } = ref;
  if (type === 'ref/prompt' && uri === undefined && name !== undefined) return nameOf('prompts', name);
  if (type === 'ref/resource' && name === undefined && uri !== undefined) return nameOf('resources', uri);
  return { named: NOTHING, unnamed: 'ref' };
}
