import { escapeToAscii } from '../../core/escape.ts';
import type { IssuerInspection } from '../../tokens/issuers/inspect-issuer.ts';
import type { KeyReport } from '../../tokens/keys/check-key.ts';
import type { Colors } from '../io.ts';

/** The report of `sealgate keys` for people: a paragraph for each issuer, a line for each key. */
export function keysText(inspections: readonly IssuerInspection[], colors: Colors): string {
  return inspections.map((inspection) => issuerText(inspection, colors)).join('\n');
}

const ORIGINS = {
  file: 'in the file',
  jwksUri: 'by jwksUri',
  metadata: 'by metadata',
  introspection: 'none: its tokens are introspected',
} as const;

function issuerText(inspection: IssuerInspection, colors: Colors): string {
  const { name, issuer, keysFrom, jwksUri, cacheControl, clockDifferenceMs, keys, findings } = inspection;
  const rows = [HEAD, ...keys.map(keyRow)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = [
    `${name}  ${escapeToAscii(issuer ?? '(by rule)')}`,
    `  keys   ${jwksUri === undefined ? '-' : escapeToAscii(jwksUri)} ${colors.dim(`(${ORIGINS[keysFrom]})`)}`,
    ...(cacheControl === undefined ? [] : [`  cache  ${escapeToAscii(cacheControl)}`]),
    ...(clockDifferenceMs === undefined ? [] : [`  clock  ${describeClock(clockDifferenceMs)}`]),
    ...(keys.length === 0 ? [] : rows.map((row) => `    ${align(row, widths)}`)),
    ...findings.flatMap(({ severity, message, hint }) => [
      `  ${severity === 'error' ? colors.red('error:') : colors.yellow('warning:')} ${escapeToAscii(message)}`,
      ...(hint === undefined ? [] : [colors.dim(`      hint: ${hint}`)]),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

const HEAD = ['KEY ID', 'TYPE', 'ALG', 'USE', 'BITS', 'STATE'] as const;

function keyRow({ kid, kty, alg, use, bits, state, reason }: KeyReport): readonly string[] {
  const result = reason === undefined ? state : `${state}: ${reason}`;
  return [kid, kty, alg, use, bits?.toString(), result].map((cell) => escapeToAscii(cell ?? '-'));
}

function align(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd();
}

/** The `Date` header has whole seconds, so a small difference means nothing. */
function describeClock(differenceMs: number): string {
  const seconds = Math.abs(differenceMs) / 1000;
  if (seconds <= 1.5) return "agrees with this machine's";
  return `${seconds.toFixed(1)} s ${differenceMs > 0 ? 'ahead of' : 'behind'} this machine's`;
}
