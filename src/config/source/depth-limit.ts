import { Lexer } from 'yaml';

/** Deeper than any real file; the YAML parser recurses, and a deeper one could crash the process. */
const MAX_DEPTH = 64;

/** Tokens of the lexer without characters in the text: document start, end of flow, scalar ahead. */
const CONTROLS = new Set(['\u0002', '\u0018', '\u001f']);

/**
 * The offset at which the text nests too deeply for the parser, or undefined. Counts on the flat token stream, so nothing here
 * recurses.
 */
export function findTooDeep(text: string): number | undefined {
  const indents: number[] = [];
  let offset = 0;
  let flow = 0;
  let markers = 0;
  let atLineStart = true;
  for (const token of new Lexer().lex(text)) {
    if (CONTROLS.has(token)) continue;
    if (atLineStart && !/^[\n\r]/.test(token)) {
      const indent = /^ *$/.test(token) ? token.length : 0;
      while ((indents.at(-1) ?? -1) >= indent) indents.pop();
      indents.push(indent);
      atLineStart = false;
    }
    if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow = Math.max(0, flow - 1);
    else if (token === '-' || token === '?') markers += 1;
    else if (/[\r\n]$/.test(token)) [markers, atLineStart] = [0, true];
    if (flow + markers + indents.length > MAX_DEPTH) return offset;
    offset += token.length;
  }
  return undefined;
}
