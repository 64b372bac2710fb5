import type { ConfigPath, PathProblem } from '../../config/problem.ts';
import { error } from '../../config/rules/rule.ts';
import type { Config, ExchangeConfig } from '../../config/schema/config.ts';
import { readNamedFile } from '../../config/source/named-file.ts';
import { decodeUtf8, type ReadFile } from '../../config/source/read-file.ts';
import { holdsCertificates, NO_CERTIFICATES } from '../../core/pem.ts';
import { compileCredentials } from '../endpoints/compile-credentials.ts';
import type { ExchangeSettings } from './exchanger-pool.ts';

export interface CompiledExchanges {
  /** By upstream. Complete only when there are no problems. */
  readonly settings: ReadonlyMap<string, ExchangeSettings>;
  readonly problems: readonly PathProblem[];
  /** Absolute paths of the files that were read, for watching. */
  readonly files: readonly string[];
}

export interface CompileExchangesOptions {
  readonly resolvePath: (path: string) => string;
  readonly readFile?: ReadFile | undefined;
}

const MAX_FILE_BYTES = 1024 ** 2;
/** Tokens with many claims are some 10 KiB. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** Reads what the exchanges of a file name, and checks that it can be used. */
export function compileExchanges(
  config: Config,
  { resolvePath, readFile }: CompileExchangesOptions,
): CompiledExchanges {
  const problems: PathProblem[] = [];
  const files: string[] = [];
  const read = (file: string, at: ConfigPath): string | undefined => {
    const bytes = readNamedFile(file, at, {
      resolvePath,
      readFile,
      maxBytes: MAX_FILE_BYTES,
      files,
      problems,
    });
    const text = bytes && decodeUtf8(bytes);
    if (bytes !== undefined && text === undefined)
      problems.push(error(at, `cannot read \`${file}\`: it is not valid UTF-8`));
    return text;
  };
  const report = (problem: PathProblem): void => void problems.push(problem);
  const settings = new Map<string, ExchangeSettings>();
  for (const [name, { exchange }] of Object.entries(config.upstreams)) {
    if (exchange === undefined) continue;
    const compiled = compileExchange(name, exchange, { read, report });
    if (compiled !== undefined) settings.set(name, compiled);
  }
  return { settings, problems, files };
}

function compileExchange(
  name: string,
  exchange: ExchangeConfig,
  tools: {
    readonly read: (file: string, at: ConfigPath) => string | undefined;
    readonly report: (problem: PathProblem) => void;
  },
): ExchangeSettings | undefined {
  const path = ['upstreams', name, 'exchange'];
  const credentials = compileCredentials(exchange.auth, { path: [...path, 'auth'], ...tools });
  const ca = exchange.ca === undefined ? undefined : tools.read(exchange.ca, [...path, 'ca']);
  if (ca !== undefined && !holdsCertificates(ca)) tools.report(error([...path, 'ca'], NO_CERTIFICATES));
  if (credentials === undefined || !URL.canParse(exchange.tokenUrl)) return undefined;
  return {
    grant: exchange.grant,
    audience: exchange.audience,
    resource: exchange.resource,
    scopes: exchange.scopes ?? [],
    maxBytes: exchange.maxBytes,
    endpoint: {
      endpoint: 'token',
      name,
      place: { kind: 'url', url: new URL(exchange.tokenUrl) },
      credentials,
      // The issuer of the provider is not known; its token endpoint identifies it, too (RFC 7523 §3).
      audience: exchange.tokenUrl,
      ca,
      timeoutMs: exchange.timeout,
      maxBytes: MAX_RESPONSE_BYTES,
      // A token that was issued and lost does no harm.
      isRepeatable: true,
    },
  };
}
