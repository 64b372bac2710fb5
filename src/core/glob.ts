/** A pattern in which `*` is any run of characters, also an empty one. */
export interface Glob {
  /** As written, with one `*` for several in a row. */
  readonly text: string;
  /** What must come first, last, and in this order between them; a single part is the whole text. */
  readonly parts: readonly string[];
}

export function parseGlob(pattern: string): Glob {
  const text = pattern.replace(/\*+/g, '*');
  return { text, parts: text.split('*') };
}

/** Whether the pattern has no `*`: then it is one name. */
export function isLiteral({ parts }: Glob): boolean {
  return parts.length === 1;
}

/** Each part is looked for once, from where the one before it ended: no text makes it start over. */
export function matchesGlob({ parts }: Glob, text: string): boolean {
  const first = parts[0] as string;
  const last = parts[parts.length - 1] as string;
  if (parts.length === 1) return text === first;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const end = text.length - last.length;
  let from = first.length;
  for (let at = 1; at < parts.length - 1; at += 1) {
    const part = parts[at] as string;
    const found = text.indexOf(part, from);
    if (found === -1 || found + part.length > end) return false;
    from = found + part.length;
  }
  return true;
}

/** Whether `wide` matches everything that `narrow` matches: its own `*` must take each `*` of the other. */
export function coversGlob(wide: Glob, narrow: Glob): boolean {
  return matchesGlob(wide, narrow.text);
}

/** Whether some text matches both. */
export function globsOverlap({ text: a }: Glob, { text: b }: Glob): boolean {
  // `reaches[j]`: the part of `a` so far and the first `j` characters of `b` have a text in common.
  let reaches: boolean[] = [true];
  for (let j = 1; j <= b.length; j += 1) reaches.push(reaches[j - 1] === true && b[j - 1] === '*');
  for (let i = 1; i <= a.length; i += 1) {
    const star = a[i - 1] === '*';
    const next: boolean[] = [star && reaches[0] === true];
    for (let j = 1; j <= b.length; j += 1) {
      const both = a[i - 1] === b[j - 1] && !star;
      next.push(
        star || b[j - 1] === '*'
          ? reaches[j] === true || next[j - 1] === true
          : both && reaches[j - 1] === true,
      );
    }
    reaches = next;
  }
  return reaches[b.length] === true;
}
