import type { ClientCertificate } from '../../http/certificates/client-certificate.ts';
import type { Target } from '../../http/target.ts';
import type { PathParameters } from '../routing/path-pattern.ts';
import type { FilteredHeaders } from './request-header-filter.ts';

/** What the pipeline may know of a request. Nothing here is trusted. */
export interface RequestFacts {
  readonly method: string;
  /** The request target as it stood on the request line. */
  readonly rawTarget: string;
  /** Names and values in turn, in the order and spelling of the wire (Node's `rawHeaders`). */
  readonly rawHeaders: readonly string[];
  /** Such as `1.1` (Node's `httpVersion`): only HTTP/1.0 may leave out Host. */
  readonly httpVersion: string;
  /** Address of the client: the peer of the socket, or what a trusted proxy reported. */
  readonly clientAddress: string;
  /** True for a WebSocket handshake. */
  readonly isUpgrade?: boolean;
  /** Where the client's certificate is; left out where there is none to be had. */
  readonly certificate?: CertificateSource | undefined;
}

/** `header`: the one that the file names, since a trusted proxy sent the request; else what reads it. */
export type CertificateSource = 'header' | ReadCertificate;

/** Reads the certificate of a client; undefined where it showed none. Only called where somebody asks, as it takes time. */
export type ReadCertificate = () => ClientCertificate | undefined;

/** A request whose target and host have one reading, whose headers went through the header filter, and which has a route. */
export interface FilteredRequest {
  readonly method: string;
  readonly clientAddress: string;
  readonly target: Target;
  /** Lower case, without port and trailing dot; from `Host` or `:authority` only. Undefined when HTTP/1.0 sent none. */
  readonly host: string | undefined;
  readonly headers: FilteredHeaders;
  readonly parameters: PathParameters;
  readonly certificate: ReadCertificate | undefined;
}
