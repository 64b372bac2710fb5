import { PRESETS } from '../../config/schema/config.ts';
import type { Command } from '../command.ts';

/** `sealgate init`, without its code. */
export const initCommand: Command = {
  name: 'init',
  summary: 'write a first file for your provider, with comments and tests',
  options: {
    preset: {
      type: 'string',
      value: 'PRESET',
      oneOf: [...PRESETS, 'none'],
      description: `the provider: ${PRESETS.join(', ')}; none for others`,
    },
    issuer: {
      type: 'string',
      value: 'ISSUER',
      description: 'the URL of the issuer, or the tenant, pool, team, project or repository it is made from',
    },
    audience: { type: 'string', value: 'AUDIENCE', description: 'what tokens for your API have as `aud`' },
    upstream: {
      type: 'string',
      value: 'URL',
      description: 'your API, such as http://127.0.0.1:3000',
    },
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      description: 'the file to write (default: gateway.yaml)',
    },
    force: { type: 'boolean', description: 'replace the file if it exists' },
  },
  positionals: [],
  misfit: ({ options }) => {
    const empty = ['issuer', 'audience', 'upstream', 'output'].find((name) => options[name] === '');
    return empty === undefined ? undefined : `--${empty} takes a text that is not empty`;
  },
  run: async ({ options, io }) => {
    const { runInit } = await import('./init.ts');
    const text = (name: string) => options[name] as string | undefined;
    return runInit(
      {
        given: {
          preset: text('preset'),
          issuer: text('issuer'),
          audience: text('audience'),
          upstream: text('upstream'),
        },
        file: text('output') ?? 'gateway.yaml',
        force: options.force === true,
      },
      io,
    );
  },
};
