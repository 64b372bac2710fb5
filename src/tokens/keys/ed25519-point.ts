/** The field and the curve −x² + y² = 1 + dx²y² (RFC 8032 §5.1). */
const P = 2n ** 255n - 19n;
const D = mod(-121_665n * power(121_666n, P - 2n));
const SIGN = 2n ** 255n;

/**
 * What makes an encoded point unfit as a public key; undefined when it is fit. OpenSSL takes any 32 bytes. Under a point of small
 * order, such as the identity, one signature holds for every message, so that anybody can sign.
 */
export function findPointFlaw(encoded: Uint8Array): string | undefined {
  const number = encoded.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const y = number % SIGN;
  // RFC 8032 §5.1.3, steps 1 and 4: one encoding for each point. x is 0 where y is 1 or −1, and 0 has no sign.
  const isSignedZero = number >= SIGN && (y === 1n || y === P - 1n);
  if (y >= P || isSignedZero) return 'an Ed25519 point that is not in its canonical form';
  if (!isOnCurve(y)) return 'not a point of Ed25519';
  return hasSmallOrder(y) ? 'an Ed25519 point of small order: anybody can forge its signatures' : undefined;
}

/** x² = (y² − 1) / (dy² + 1) must be a square. A quotient is one where the product is. */
function isOnCurve(y: bigint): boolean {
  const square = y * y;
  return power((square - 1n) * (D * square + 1n), (P - 1n) / 2n) <= 1n;
}

/** Whether eight times the point is the identity: the y of a doubled point depends on y alone. Kept as a fraction, to save inversions. */
function hasSmallOrder(y: bigint): boolean {
  let [top, bottom] = [y, 1n];
  for (let doublings = 0; doublings < 3; doublings += 1) {
    const [y2, z2] = [mod(top * top), mod(bottom * bottom)];
    const xx = mod((y2 - z2) * z2);
    const yy = mod(y2 * (D * y2 + z2));
    const one = mod(z2 * (D * y2 + z2));
    top = mod(yy + xx);
    bottom = mod(2n * one + xx - yy);
  }
  return top === bottom;
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}
