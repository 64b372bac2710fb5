import { X509Certificate } from 'node:crypto';
import { CERTIFICATE_HINT, certificateSource } from '../config/client-certificates.ts';
import type { Config } from '../config/schema/config.ts';
import { readFileBounded, whyUnreadable } from '../config/source/read-file.ts';
import type { Clock } from '../core/time/clock.ts';
import { readAuthorities } from '../http/certificates/authorities.ts';
import {
  type ClientCertificate,
  readClientCertificate,
  type Vouching,
} from '../http/certificates/client-certificate.ts';
import { splitPem } from '../http/certificates/pem-text.ts';

export interface ReadOptions {
  readonly config: Config;
  readonly resolvePath: (path: string) => string;
  readonly clock: Clock;
}

const MAX_BYTES = 1024 ** 2;

/**
 * Reads the certificate that the client of a simulated request shows: PEM, with its chain behind it where it has one, or DER. What it
 * states of its owner counts as far as the file has it vouched for. A text is why there can be no such request.
 */
export function readShownCertificate(
  path: string,
  { config, resolvePath, clock }: ReadOptions,
): ClientCertificate | string {
  const source = certificateSource(config);
  if (source === 'none') return `no request has a client certificate here: ${CERTIFICATE_HINT}`;
  const { tls, clientCertHeader } = config.listen;
  try {
    const [leaf, ...chain] = readCertificates(path);
    if (leaf === undefined) return `${path} holds no certificate`;
    const unvouched = readClientCertificate(leaf);
    if (unvouched === undefined) return `${path} holds no certificate that can be read`;
    const vouching = findVouching(leaf, chain);
    return (vouching && readClientCertificate(leaf, vouching)) ?? unvouched;
  } catch (error) {
    return error instanceof NotShown ? error.message : `cannot read ${path}: ${whyUnreadable(error)}`;
  }

  function findVouching(leaf: Buffer, chain: readonly Buffer[]): Vouching | undefined {
    if (tls?.clientCa !== undefined) {
      const anchors = splitPem(readBuffer(resolvePath(tls.clientCa)).toString('latin1'));
      if (leadsTo(anchors, leaf, chain)) return { by: 'handshake', clock };
      if (clientCertHeader === undefined)
        throw new NotShown(
          `no authority of \`listen.tls.clientCa\` vouches for ${path}: it is as if the client had none`,
        );
    }
    if (clientCertHeader?.ca === undefined) return undefined;
    const { authorities } = readAuthorities(readBuffer(resolvePath(clientCertHeader.ca)));
    return { by: authorities, clock };
  }
}

function readBuffer(path: string): Buffer {
  return Buffer.from(readFileBounded(path, MAX_BYTES));
}

/** The gateway would not get to see it. */
class NotShown extends Error {}

function readCertificates(path: string): readonly Buffer[] {
  const bytes = readBuffer(path);
  const blocks = splitPem(bytes.toString('latin1'));
  return blocks.length === 0 ? [bytes] : blocks;
}

/** Whether a chain leads from the certificate to an authority, as TLS verifies it. */
function leadsTo(anchors: readonly Buffer[], leaf: Buffer, chain: readonly Buffer[]): boolean {
  const trusted = anchors.map((der) => new X509Certificate(der));
  let others = chain.map((der) => new X509Certificate(der));
  let last = new X509Certificate(leaf);
  for (;;) {
    const isIssuer = (issuer: X509Certificate): boolean =>
      issuer.ca && last.checkIssued(issuer) && last.verify(issuer.publicKey);
    if (trusted.some(isIssuer)) return true;
    const next = others.find(isIssuer);
    if (next === undefined) return false;
    others = others.filter((other) => other !== next);
    last = next;
  }
}
