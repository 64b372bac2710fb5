import { type LoadedConfig, loadConfig } from '../../../src/config/load.ts';

/** The least that is a configuration: one issuer, one upstream, one route. Nine lines. */
export const MINIMAL = `issuers:
  corp:
    issuer: https://issuer.example.com
    audiences: [https://api.example.com]
routes:
  - name: orders
    path: /orders
    upstream: http://127.0.0.1:3000
    access: authenticated
`;

export interface TextOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Contents by absolute path; nothing is read from the disk. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly missingVariables?: 'error' | 'placeholder';
}

/** Loads a configuration from a text, as if it were `/etc/sealgate/gateway.yaml`. */
export function loadText(text: string | Uint8Array, options: TextOptions = {}): LoadedConfig {
  const file = '/etc/sealgate/gateway.yaml';
  const files: Readonly<Record<string, string | Uint8Array>> = { ...options.files, [file]: text };
  return loadConfig({
    file,
    env: options.env ?? {},
    ...(options.missingVariables !== undefined && { missingVariables: options.missingVariables }),
    readFile: (path, maxBytes) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' });
      const bytes = Buffer.from(content);
      if (bytes.length > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
      return bytes;
    },
  });
}

/** The errors of a text, one short line each: `line:column message — hint`. */
export function problemLines(text: string | Uint8Array, options: TextOptions = {}): readonly string[] {
  return loadText(text, options)
    .problems.filter(({ severity }) => severity === 'error')
    .map(
      ({ line, column, message, hint }) =>
        `${line}:${column} ${message}${hint === undefined ? '' : ` — ${hint}`}`,
    );
}
