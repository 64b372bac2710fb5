import { type Refusal, refuse } from '../../core/refusals.ts';
import { parseStrictJson } from '../jwt/json/strict-json.ts';
import { decodeBase64Url, decodeBase64UrlText } from '../jwt/parse-token.ts';
import type { Claims } from '../verified-token.ts';

/** A proof in its three parts, none of which is read yet. */
export interface ProofParts {
  readonly encodedHeader: string;
  readonly encodedPayload: string;
  readonly signingInput: string;
  readonly encodedSignature: string;
}

/** Room for the largest RSA key that is accepted, its signature, and a long URI. */
const MAX_PROOF_LENGTH = 8_192;

/** Where some client library joins fields. */
const SECOND_PROOF = /,\s*ey/;

/** Splits the one `DPoP` field of a request (RFC 9449 §4.3, items 1 and 2). */
export function splitProof(fields: readonly string[]): ProofParts | Refusal {
  const [proof] = fields;
  if (proof === undefined) return refuse('proof_missing', 'the request has no DPoP field');
  if (fields.length > 1) return refuse('proof_twice', 'the request has more than one DPoP field');
  if (proof.length > MAX_PROOF_LENGTH) {
    return refuse('proof_malformed', `the proof is longer than ${MAX_PROOF_LENGTH} characters`);
  }
  const headerEnd = proof.indexOf('.');
  const payloadEnd = proof.indexOf('.', headerEnd + 1);
  const hasThreeParts = payloadEnd !== -1 && proof.indexOf('.', payloadEnd + 1) === -1;
  if (!hasThreeParts) {
    return SECOND_PROOF.test(proof)
      ? refuse('proof_twice', 'the DPoP field holds more than one proof')
      : refuse('proof_malformed', 'the proof is not a JWT of three parts');
  }
  return {
    encodedHeader: proof.slice(0, headerEnd),
    encodedPayload: proof.slice(headerEnd + 1, payloadEnd),
    signingInput: proof.slice(0, payloadEnd),
    encodedSignature: proof.slice(payloadEnd + 1),
  };
}

/** Reads the header or the payload, as strictly as those of tokens. */
export function readProofPart(part: 'header' | 'payload', encoded: string): Claims | Refusal {
  const text = decodeBase64UrlText(encoded);
  if (text === undefined) {
    return refuse('proof_malformed', `the ${part} of the proof is not canonical base64url of UTF-8 text`);
  }
  const members = parseStrictJson(text);
  return typeof members === 'string'
    ? refuse('proof_malformed', `the ${part} of the proof is refused: ${members}`)
    : members;
}

/** Reads the signature. */
export function readProofSignature(encoded: string): Buffer | Refusal {
  return (
    decodeBase64Url(encoded) ??
    refuse('proof_malformed', 'the signature of the proof is not canonical base64url')
  );
}
