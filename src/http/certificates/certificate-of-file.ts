import type { Config } from '../../config/schema/config.ts';
import { type NamedFileOptions, readNamedFile } from '../../config/source/named-file.ts';
import type { Clock } from '../../core/clock.ts';
import { readAuthorities } from './authorities.ts';
import { type ClientCertificate, readClientCertificate } from './client-certificate.ts';
import { splitPem } from './pem-text.ts';

interface FileOptions extends Pick<NamedFileOptions, 'resolvePath' | 'readFile'> {
  readonly config: Pick<Config, 'listen'>;
  readonly clock: Clock;
}

/**
 * The first certificate of a PEM text, for a request that nobody sent: as if a client had shown it, in whichever way the file has. The
 * authorities of `clientCa` and of `clientCertHeader` vouch for its names. Undefined where the text holds no certificate that can be read.
 */
export function certificateOfFile(pem: string, options: FileOptions): ClientCertificate | undefined {
  const { config, clock, ...reading } = options;
  const { tls, clientCertHeader } = config.listen;
  const [der] = splitPem(pem);
  if (der === undefined) return undefined;
  // What cannot be read of them, the check of the file reports.
  const ignored = { ...reading, files: [], problems: [] };
  const authorities = [tls?.clientCa, clientCertHeader?.ca].flatMap((name) => {
    const file = readNamedFile(name, [], ignored);
    return file === undefined ? [] : [readAuthorities(file).authorities];
  });
  const by = {
    vouchFor: (presented: Parameters<(typeof authorities)[number]['vouchFor']>[0]) =>
      authorities.flatMap((each) => each.vouchFor(presented)),
  };
  return readClientCertificate(der, { by, clock });
}
