import { isUtf8 } from 'node:buffer';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { grpcStatusOf } from '../../http/grpc.ts';
import type { RenderedProblem } from '../../http/problem.ts';
import type { DroppedHeaders } from '../dropped-headers.ts';
import type { AllowedReply } from '../reply.ts';
import { endMessage, startMessage } from './framing.ts';

/** Field numbers by message, of the types that Envoy publishes. */
const CHECK_RESPONSE = { status: 1, deniedResponse: 2, okResponse: 3 } as const;
const STATUS = { code: 1 } as const;
const DENIED_RESPONSE = { status: 1, headers: 2, body: 3 } as const;
const HTTP_STATUS = { code: 1 } as const;
const OK_RESPONSE = { headers: 2, headersToRemove: 5, responseHeadersToAdd: 6 } as const;
const HEADER_VALUE_OPTION = { header: 1, append: 2, appendAction: 3, keepEmptyValue: 4 } as const;
const HEADER_VALUE = { key: 1, value: 2 } as const;
const BOOL_VALUE = { value: 1 } as const;
const OVERWRITE_IF_EXISTS_OR_ADD = 2;

const { LengthDelimited: BYTES, Varint: NUMBER } = WireType;

/** How Envoy sets a field: versions before 1.25 read `append`, later ones `append_action` where `append` is not there. */
const OVERWRITES = new BinaryWriter()
  .tag(HEADER_VALUE_OPTION.append, BYTES)
  .bytes(new Uint8Array())
  .tag(HEADER_VALUE_OPTION.appendAction, NUMBER)
  .int32(OVERWRITE_IF_EXISTS_OR_ADD)
  .finish();
/** The action of this kind is the default. */
const APPENDS = new BinaryWriter()
  .tag(HEADER_VALUE_OPTION.append, BYTES)
  .bytes(new BinaryWriter().tag(BOOL_VALUE.value, NUMBER).bool(true).finish())
  .finish();

/** What the replies of one file have in common, encoded once. */
export interface CheckReplies {
  readonly always: Uint8Array;
  /** By name. */
  readonly unlessSet: ReadonlyMap<string, Uint8Array>;
}

export function compileCheckReplies({ always, unlessSet }: DroppedHeaders): CheckReplies {
  return {
    always: Buffer.concat(always.map(encodeRemoved)),
    unlessSet: new Map(unlessSet.map((name) => [name, encodeRemoved(name)])),
  };
}

/** What an allowed request gets. Pairs are lower-case names and values in turn. */
export interface Allowed extends Pick<AllowedReply, 'set' | 'cut'> {
  /** Further fields that the proxy must drop from the request. */
  readonly spoofed: readonly string[];
  readonly requestId: string;
  /** For the response to the client. */
  readonly responseHeaders: readonly string[];
}

const NOT_TEXT = refuse('question_field', 'a header field that is to be set is not UTF-8, as gRPC wants it');

/**
 * Encodes a CheckResponse that allows the request, with its prefix; the only one with the status OK. Refuses where a field cannot be set, since the client's
 * would stay.
 */
export function writeAllowed(replies: CheckReplies, allowed: Allowed): Buffer | Refusal {
  const { set, cut, spoofed, requestId, responseHeaders } = allowed;
  const writer = startMessage().tag(CHECK_RESPONSE.status, BYTES).bytes(EMPTY);
  writer.tag(CHECK_RESPONSE.okResponse, BYTES).fork();
  const isSet = new Set<string>();
  for (let at = 0; at < set.length; at += 2) {
    const name = set[at] as string;
    if (
      !writeField(writer, OK_RESPONSE.headers, { name, value: set[at + 1] as string, again: isSet.has(name) })
    )
      return NOT_TEXT;
    isSet.add(name);
  }
  writeField(writer, OK_RESPONSE.headers, { name: 'x-request-id', value: requestId, again: false });

  writer.raw(replies.always);
  for (const [name, encoded] of replies.unlessSet) if (!isSet.has(name)) writer.raw(encoded);
  for (const name of spoofed) writer.raw(encodeRemoved(name));
  for (const { name, rest } of cut) {
    if (rest === undefined) writer.raw(encodeRemoved(name));
    else if (!writeField(writer, OK_RESPONSE.headers, { name, value: rest, again: false })) return NOT_TEXT;
  }
  if (!writeFields(writer, OK_RESPONSE.responseHeadersToAdd, responseHeaders)) return NOT_TEXT;
  return endMessage(writer.join());
}

/** Encodes a CheckResponse that denies the request, with its prefix and the response to the client. */
export function writeDenied({ status, headers, body = '' }: RenderedProblem): Buffer {
  if (status < 400) throw new Error(`a refusal with status ${status}`);
  const writer = startMessage().tag(CHECK_RESPONSE.status, BYTES).fork();
  writer.tag(STATUS.code, NUMBER).int32(grpcStatusOf(status)).join();
  writer.tag(CHECK_RESPONSE.deniedResponse, BYTES).fork();
  writer.tag(DENIED_RESPONSE.status, BYTES).fork().tag(HTTP_STATUS.code, NUMBER).int32(status).join();
  if (!writeFields(writer, DENIED_RESPONSE.headers, headers))
    throw new Error('a refusal with a field that is not UTF-8');
  writer.tag(DENIED_RESPONSE.body, BYTES).string(body);
  return endMessage(writer.join());
}

const EMPTY = new Uint8Array();

/** Writes pairs as fields of a response. Envoy frames the body itself. */
function writeFields(writer: BinaryWriter, number: number, pairs: readonly string[]): boolean {
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] as string;
    if (name === 'content-length') continue;
    // A backend varies its responses too.
    const again = name === 'vary' || pairs.indexOf(name) < at;
    if (!writeField(writer, number, { name, value: pairs[at + 1] as string, again })) return false;
  }
  return true;
}

interface WrittenField {
  readonly name: string;
  /** One character for each byte. */
  readonly value: string;
  /** Beside what is there, instead of in its place. */
  readonly again: boolean;
}

/** Writes a field to set. False where its value is no string of Protocol Buffers. */
function writeField(writer: BinaryWriter, number: number, { name, value, again }: WrittenField): boolean {
  writer.tag(number, BYTES).fork();
  writer.tag(HEADER_VALUE_OPTION.header, BYTES).fork().tag(HEADER_VALUE.key, BYTES).string(name);
  if (ASCII.test(value)) writer.tag(HEADER_VALUE.value, BYTES).string(value);
  else {
    const bytes = Buffer.from(value, 'latin1');
    if (!isUtf8(bytes)) return false;
    writer.tag(HEADER_VALUE.value, BYTES).bytes(bytes);
  }
  writer.join().raw(again ? APPENDS : OVERWRITES);
  if (value === '') writer.tag(HEADER_VALUE_OPTION.keepEmptyValue, NUMBER).bool(true);
  writer.join();
  return true;
}

const ASCII = /^[\0-\x7f]*$/;

function encodeRemoved(name: string): Uint8Array {
  return new BinaryWriter().tag(OK_RESPONSE.headersToRemove, BYTES).string(name).finish();
}
