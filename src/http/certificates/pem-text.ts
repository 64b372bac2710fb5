/** One certificate of PEM; in its base64 any white space may stand for a line break. */
const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/y;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The DER of the certificates in a text that holds them and white space alone; undefined for any other text. Proxies that put PEM into
 * a header field write spaces (Apache httpd) or tabs (`$ssl_client_cert` of nginx) for line breaks.
 */
function readPemText(text: string): readonly Buffer[] | undefined {
  const blocks: Buffer[] = [];
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, BLOCK.lastIndex)) {
    BLOCK.lastIndex = at;
    const base64 = BLOCK.exec(text)?.[1]?.replace(/\s/g, '');
    if (base64 === undefined || !BASE64.test(base64) || base64.length % 4 !== 0) return undefined;
    blocks.push(Buffer.from(base64, 'base64'));
  }
  return blocks;
}

/** The same of a text whose characters may be percent-encoded. */
export function readEncodedPem(text: string): readonly Buffer[] | undefined {
  return readPemText(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
}

/** The DER of each certificate of a file, which may hold other things and comments beside them. */
export function splitPem(text: string): readonly Buffer[] {
  return [...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)].map(
    ([, base64 = '']) => Buffer.from(base64, 'base64'),
  );
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text[at] as string)) at += 1;
  return at;
}
