import type { Command } from './command.ts';

/** `sealgate import`, without its code. */
export const importCommand: Command = {
  name: 'import',
  summary: 'write the routes of an OpenAPI document',
  options: {
    issuer: {
      type: 'string',
      value: 'NAME',
      description: 'an issuer of the file that will include the routes: only routes and upstream are written',
    },
    upstream: { type: 'string', value: 'URL', description: 'the backend' },
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      description: 'write this new file (default: standard output)',
    },
  },
  positionals: ['SPEC'],
  misfit: ({ options }) => {
    const { issuer, upstream } = options;
    if (issuer !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(String(issuer))) {
      return `--issuer takes the name of an issuer of the file, not "${String(issuer)}"`;
    }
    if (upstream !== undefined && !isBackend(String(upstream))) {
      return `--upstream takes a URL such as http://127.0.0.1:3000, not "${String(upstream)}"`;
    }
    return options.output === '' ? '-o takes the name of a file' : undefined;
  },
  run: async ({ options, positionals, io }) => {
    const { runImport } = await import('./import.ts');
    const text = (name: string) => options[name] as string | undefined;
    return runImport(
      {
        spec: positionals[0] as string,
        issuer: text('issuer'),
        upstream: text('upstream'),
        output: text('output'),
      },
      io,
    );
  },
};

function isBackend(text: string): boolean {
  if (!/^https?:\/\/[^\s?#@]+$/i.test(text)) return false;
  return URL.canParse(text);
}
