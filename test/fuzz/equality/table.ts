import { readFileSync } from 'node:fs';

export const ALL_WAYS: readonly string[] = ['forward-auth', 'auth-request', 'ext-authz', 'ext-authz-grpc'];
const PAGE = new URL('../../../docs/other-proxies.md', import.meta.url);
const HEADING = '### Differences that a way cannot avoid';

/** A row of the table, as the page has it. */
export interface TableRow {
  readonly ways: readonly string[];
  readonly what: string;
}

/** Reads the table of differences from docs/other-proxies.md: way, what, proxy mode, asked. */
export function readTable(): readonly TableRow[] {
  const page = readFileSync(PAGE, 'utf8');
  const start = page.indexOf(`${HEADING}\n`);
  if (start === -1) throw new Error(`the page has no "${HEADING}"`);
  const section = page.slice(start + HEADING.length).split(/\n##+ /)[0] as string;
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .slice(2);
  return rows.map(([, ways = '', what = '', proxied = '', asked = '']) => {
    if (proxied === '' || asked === '') throw new Error(`the row "${what}" is not whole`);
    return { ways: ways === 'all' ? ALL_WAYS : ways.split(',').map((way) => way.trim()), what };
  });
}
