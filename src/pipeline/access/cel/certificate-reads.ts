/**
 * Whether the expression at this offset of a condition reads `request.certificate` or one of its fields. The parser places a selection
 * at its dot.
 */
export function readsCertificate(source: string, offset: number | undefined): boolean {
  if (offset === undefined) return false;
  const [before, after] = [source.slice(0, offset), source.slice(offset)];
  return (
    /\brequest\s*\.\s*certificate\s*$/.test(before) ||
    (/\brequest\s*$/.test(before) && /^\.\s*certificate\b/.test(after))
  );
}
