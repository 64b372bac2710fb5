import type { Config } from './schema/config.ts';

/** An address at which the gateway listens, with the key of the file that has its port. */
export interface OwnAddress {
  readonly path: readonly [section: 'listen' | 'admin' | 'decisions', key: 'port' | 'grpc'];
  readonly host: string;
  /** 0 where any will do. */
  readonly port: number;
  /** Its port unless the file sets another. */
  readonly usual: number | undefined;
}

/** Every address at which the gateway of a file listens. */
export function ownAddresses({ listen, admin, decisions }: Config): readonly OwnAddress[] {
  const addresses: OwnAddress[] = [
    { path: ['listen', 'port'], host: listen.host, port: listen.port, usual: 8080 },
    { path: ['admin', 'port'], host: admin.host, port: admin.port, usual: 9090 },
  ];
  if (decisions === undefined) return addresses;
  const { host, port, grpc } = decisions;
  addresses.push({ path: ['decisions', 'port'], host, port, usual: 8081 });
  if (grpc !== undefined) addresses.push({ path: ['decisions', 'grpc'], host, port: grpc, usual: undefined });
  return addresses;
}

/** The section of the file, or the key where a section has two addresses. */
export function nameOfAddress({ path: [section, key] }: OwnAddress): string {
  return key === 'grpc' ? `${section}.${key}` : section;
}
