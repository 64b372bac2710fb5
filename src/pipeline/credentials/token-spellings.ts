/** The names of one kind of token source, and what else some backend takes for one of them. */
export interface SourceNames {
  /** As the file has them: the only spellings that are read. */
  readonly exact: readonly string[];
  /**
   * Whether a name as sent reads as one of them. Servers trim names, decode them once or twice, ignore case and what does not
   * print, cut names at brackets and zero bytes, and turn what is no letter into `_`.
   */
  readsAsOne(rawName: string): boolean;
  /** False when a text holds none of the names but where they are read, so that it need not be parsed. Linear and cheap. */
  mayHide(text: string): boolean;
}

export interface SpellingRules {
  /** What precedes a name where it is read, and what follows it, as patterns. */
  readonly before: string;
  readonly after: string;
  /** Where a name ends for some readers: characters of a class. */
  readonly ends: string;
}

/** What some reader does not see: what does not print, quotes, and the percent sign of a broken escape. */
const UNSEEN = '[^!#$&(-~]';
/** The rest of what is neither letter nor digit. */
const MARK = '[!#$&(-/:-@[-`{-~]';
/** Taken off the front: what is not seen, the `$` of RFC 2965, blanks and brackets of forms, a second `?` or `=`. */
const TAKEN_OFF = /^[^!#&(-*,-<>@-Z\\^-~]+/;

const ESCAPE = /%u([\da-f]{4})|%([\da-f]{2})/gi;
/** Two programs in a row decode twice. */
const DECODINGS = 2;
/** Unicode normalization of a longer name costs too much, and shortens none to the name of a source. */
const LONGEST_NORMALIZED = 256;

/** Compiles the names that one kind of source has on a route. */
export function compileSourceNames(exact: readonly string[], rules: SpellingRules): SourceNames {
  const patterns = exact.map((name) => patternOf(takeOff(name)));
  const reads = new RegExp(`^(?:${patterns.join('|')})(?:${UNSEEN}|\\+)*(?:[%${rules.ends}]|$)`, 'i');
  // From the first letter on: a search that could start in blanks would take quadratic time.
  const holds = new RegExp(exact.map((name) => patternOf(name.replace(/^[^a-z\d]+/i, ''))).join('|'), 'gi');
  const isRead = new RegExp(`${rules.before}(?:${exact.map(escapePattern).join('|')})${rules.after}`, 'g');

  const readsAsOne = (rawName: string): boolean => {
    let text = rawName;
    for (let decodings = 0; decodings <= DECODINGS; decodings += 1) {
      if ([text, ...compatibleFormsOf(text)].some((form) => reads.test(takeOff(form)))) return true;
      const decoded = decodeBytes(text);
      if (decoded === text) return false;
      text = decoded;
    }
    return false;
  };
  const mayHide = (rawText: string): boolean => {
    const count = countMatches(rawText, isRead);
    let text = rawText;
    for (let decodings = 0; decodings <= DECODINGS; decodings += 1) {
      if (!isAscii(text) || countMatches(text, holds) !== count) return true;
      const decoded = decodeBytes(text);
      if (decoded === text) return false;
      text = decoded;
    }
    return false;
  };
  return { exact, readsAsOne, mayHide };
}

function takeOff(name: string): string {
  return name.replace(TAKEN_OFF, '');
}

/**
 * Letters and digits as they are, any marks for marks, and between them what is not seen, which can also stand for a mark. No two
 * parts take the same character, so that nothing is tried twice.
 */
function patternOf(name: string): string {
  const runs = name.match(/[a-z\d]+|[^a-z\d]+/gi) ?? [];
  return runs
    .map((run) => {
      if (/[a-z\d]/i.test(run)) return [...run].join(`${UNSEEN}*`);
      const marks = `${MARK}{${run.length}}(?!${MARK})`;
      return `(?:${marks}|(?=${MARK}*${UNSEEN})${UNSEEN}*(?:${MARK}${UNSEEN}*){0,${run.length}})`;
    })
    .join('');
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function countMatches(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** With the ASCII letters for which best-fit mappings and case folding take wide and other compatible forms, in either charset. */
function compatibleFormsOf(text: string): readonly string[] {
  if (text.length > LONGEST_NORMALIZED || isAscii(text)) return [];
  return [text, Buffer.from(text, 'latin1').toString()].map((form) => form.normalize('NFKC'));
}

function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text);
}

/** Byte by byte, so that a broken escape beside a good one hides nothing. */
function decodeBytes(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(ESCAPE, (_, unicode: string | undefined, byte: string | undefined) =>
    String.fromCharCode(Number.parseInt((unicode ?? byte) as string, 16)),
  );
}
