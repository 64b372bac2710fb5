import type { PathProblem } from '../../config/problem.ts';
import type { Config } from '../../config/schema/config.ts';
import { type NamedFileOptions, readNamedFile } from '../../config/source/named-file.ts';
import type { Clock } from '../../core/time/clock.ts';
import { readAuthorities } from './authorities.ts';
import { type CertificateHeaderReader, compileCertificateHeader } from './certificate-header.ts';

interface CompileOptions extends Pick<NamedFileOptions, 'resolvePath' | 'readFile'> {
  readonly clock: Clock;
}

interface CompiledCertificateHeader {
  /** Undefined where the file names no header. */
  readonly reader: CertificateHeaderReader | undefined;
  readonly problems: readonly PathProblem[];
  /** Absolute paths of the files, for watching. */
  readonly files: readonly string[];
}

const CA = ['listen', 'clientCertHeader', 'ca'];
const CA_HINT =
  'put those authorities into it, in PEM, that issue certificates of clients: intermediates too, certificates of clients never';

/** Compiles `listen.clientCertHeader`, with the authorities of its file. */
export function compileCertificateHeaderOf(
  { listen: { clientCertHeader } }: Pick<Config, 'listen'>,
  { clock, ...reading }: CompileOptions,
): CompiledCertificateHeader {
  if (clientCertHeader === undefined) return { reader: undefined, problems: [], files: [] };
  const problems: PathProblem[] = [];
  const files: string[] = [];
  const pem = readNamedFile(clientCertHeader.ca, CA, { ...reading, files, problems });
  const read = pem && readAuthorities(pem);
  for (const message of read?.faults ?? [])
    problems.push({ severity: 'error', path: CA, message, hint: CA_HINT });
  const { format } = clientCertHeader;
  return {
    reader: compileCertificateHeader({ format, authorities: read?.authorities, clock }),
    problems,
    files,
  };
}
