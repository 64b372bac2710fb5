const MAX_QUOTED = 64;

/**
 * Quotes the two things of a token that a log line may hold, key id and audience (contract §6): cut to 64 characters, and
 * with everything but printable ASCII escaped, so that it can neither forge a line nor move a terminal's cursor.
 */
export function quoteForLog(value: string): string {
  const cut = value.length > MAX_QUOTED ? `${value.slice(0, MAX_QUOTED)}…` : value;
  return JSON.stringify(cut).replace(/[^\x20-\x7e…]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
