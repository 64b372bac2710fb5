import { escapeText } from '../../core/escape.ts';

/** What needs no quotes, neither in a block nor in a flow list, and is a text for every reader of YAML. */
const PLAIN = /^[A-Za-z/][A-Za-z0-9_./~-]*(?::[A-Za-z0-9_./~-]+)*$/;
const MEANS_SOMETHING = /^(?:true|false|null|yes|no|on|off|y|n|~)$/i;
const LONGEST_COMMENT = 300;

/** A text as a scalar of a gateway file: it never adds structure, and nothing is substituted in it. */
export function scalar(text: string): string {
  if (PLAIN.test(text) && !MEANS_SOMETHING.test(text)) return text;
  // Escapes of JSON are escapes of YAML, too.
  return escapeText(JSON.stringify(text.replaceAll('${', () => '$${')));
}

export function flowList(texts: readonly string[]): string {
  return `[${texts.map(scalar).join(', ')}]`;
}

/** A text as one line of comment: what it has of line breaks and control characters is shown, and has no effect. */
export function comment(text: string): string {
  const visible = escapeText(text);
  return `# ${visible.length > LONGEST_COMMENT ? `${visible.slice(0, LONGEST_COMMENT)} …` : visible}`;
}
