import { quoteForLog } from '../core/escape.ts';
import { type Refusal, refuse } from '../core/refusals.ts';
import type { Via } from '../core/via.ts';
import { clientInList } from '../http/forwarded.ts';
import type { HeaderNameMemo } from '../http/header-name-memo.ts';
import { KNOWN_METHODS } from '../http/known-methods.ts';
import type { TrustedProxies } from '../http/trusted-proxies.ts';
import type { AskedRequest } from './asked-request.ts';
import { compileRoles, FieldNotes, ROLE, type SpoofableNames } from './question-headers.ts';

/** A question over HTTP: what the asking proxy sent. */
export interface HttpQuestion {
  readonly method: string;
  /** The target behind the path of the way of asking: for `/ext-authz/orders?a`, `/orders?a`. */
  readonly rest: string;
  /** Node's flat list. */
  readonly rawHeaders: readonly string[];
}

/** Reads the questions of one way of asking. Refuses with `bad_request` whatever does not describe exactly one request. */
export interface QuestionReader {
  readonly via: Via;
  read(question: HttpQuestion): AskedRequest | Refusal;
}

/** What a way of asking takes from where. */
interface Way {
  readonly via: Via;
  /** The fields that describe the request, each of which must come exactly once. */
  readonly fields: readonly string[];
  /** The reply can name fields for the asking proxy to drop. Where it cannot, a request that has one is refused. */
  readonly dropsFields: boolean;
  /** `values` are those of `fields`, in their order. */
  describe(values: readonly string[], question: HttpQuestion): Description | Refusal;
}

interface Description {
  readonly method: string;
  readonly rawTarget: string;
  readonly proto: string;
  readonly forwardedFor: string;
  /** Undefined where it is the Host of the question itself. */
  readonly host: string | undefined;
}

const FORWARD_AUTH: Way = {
  via: 'forward-auth',
  fields: [
    'x-forwarded-for',
    'x-forwarded-method',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-uri',
  ],
  dropsFields: false,
  describe([forwardedFor = '', method = '', proto = '', host = '', rawTarget = '']) {
    if (rawTarget === '') return refuse('question_field', 'X-Forwarded-Uri is empty');
    return { method, rawTarget, proto, forwardedFor, host };
  },
};

/** nginx gives the scheme, the host and the target of a request as one URL. */
const ORIGINAL_URL = /^([a-z]+):\/\/([^/?#]+)(\/.*)$/is;

const AUTH_REQUEST: Way = {
  via: 'auth-request',
  fields: ['x-forwarded-for', 'x-original-method', 'x-original-url'],
  dropsFields: false,
  describe([forwardedFor = '', method = '', url = '']) {
    const [, proto, host, rawTarget] = ORIGINAL_URL.exec(url) ?? [];
    if (proto === undefined || host === undefined || rawTarget === undefined)
      return refuse('question_field', 'X-Original-URL is not a scheme, a host and a path that starts with /');
    return { method, rawTarget, proto, forwardedFor, host };
  },
};

const EXT_AUTHZ: Way = {
  via: 'ext-authz',
  fields: ['x-forwarded-for', 'x-forwarded-proto'],
  dropsFields: true,
  describe: ([forwardedFor = '', proto = ''], { method, rest }) => ({
    method,
    rawTarget: rest,
    proto,
    forwardedFor,
    host: undefined,
  }),
};

/** The readers of all ways over HTTP, by the first segment of their paths. */
export function compileQuestionReaders(
  names: SpoofableNames,
  { trusted, certificate }: Pick<Reading, 'trusted' | 'certificate'>,
): Readonly<Record<'forward-auth' | 'auth-request' | 'ext-authz', QuestionReader>> {
  const make = (way: Way): QuestionReader => {
    const roles = compileRoles(names, way.fields);
    return { via: way.via, read: (question) => readQuestion({ way, roles, trusted, certificate }, question) };
  };
  return {
    'forward-auth': make(FORWARD_AUTH),
    'auth-request': make(AUTH_REQUEST),
    'ext-authz': make(EXT_AUTHZ),
  };
}

interface Reading {
  readonly way: Way;
  readonly roles: HeaderNameMemo<number>;
  readonly trusted: TrustedProxies;
  /** That of the connection is the asking proxy's own. */
  readonly certificate: 'header' | undefined;
}

function readQuestion(
  { way, roles, trusted, certificate }: Reading,
  question: HttpQuestion,
): AskedRequest | Refusal {
  const { rawHeaders } = question;
  const values: (string | undefined)[] = [];
  const notes = new FieldNotes();
  let hostAt = -1;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const value = rawHeaders[at + 1] as string;
    const role = roles.of(name);
    if (role === ROLE.plain) continue;
    if (role === ROLE.host) {
      if (hostAt !== -1) return refuse('question_field', 'the question has two Host fields');
      hostAt = at;
    } else if (role >= ROLE.own) {
      if (values[role - ROLE.own] !== undefined)
        return refuse('question_field', `${nameOf(way, role)} comes twice`);
      values[role - ROLE.own] = value;
    } else if (role === ROLE.spoofed && !way.dropsFields) {
      return refuse(
        'question_spoofed',
        `the field ${quoteForLog(name)} could pass for identity, or replace the method or URL, and the asking proxy forwards it`,
      );
    } else notes.add(role, name, value);
  }
  for (let at = 0; at < way.fields.length; at += 1) {
    if (values[at] === undefined) return refuse('question_field', `${nameOf(way, at + ROLE.own)} is missing`);
  }
  const described = way.describe(values as readonly string[], question);
  if ('refused' in described) return described;

  const { method, rawTarget, proto, forwardedFor, host } = described;
  if (!KNOWN_METHODS.has(method)) return refuse('question_field', 'the method is none that HTTP registers');
  const scheme = proto.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https')
    return refuse('question_field', 'the scheme is neither http nor https');
  const clientAddress = clientInList(forwardedFor, trusted);
  if (clientAddress === undefined)
    return refuse('question_field', 'X-Forwarded-For is not a list of addresses that names the client');
  return {
    via: way.via,
    facts: {
      method,
      rawTarget,
      rawHeaders: host === undefined ? rawHeaders : withHost(rawHeaders, host, hostAt),
      httpVersion: '1.1',
      clientAddress,
      isUpgrade: notes.isUpgrade,
      certificate,
    },
    hasUnmetExpectation: notes.hasUnmetExpectation,
    spoofed: notes.spoofed,
  };
}

/** The fields of the question with the host of the request in place of its own. */
function withHost(rawHeaders: readonly string[], host: string, hostAt: number): readonly string[] {
  const fields = [...rawHeaders];
  if (hostAt === -1) fields.push('Host', host);
  else fields[hostAt + 1] = host;
  return fields;
}

function nameOf({ fields }: Way, role: number): string {
  const name = fields[role - ROLE.own] as string;
  return name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase()).replace('-Url', '-URL');
}
