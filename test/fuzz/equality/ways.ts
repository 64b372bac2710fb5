import type { Changes } from './asking-proxy.ts';
import type { EqualityFile } from './files.ts';
import { EXT_AUTHZ_GRPC } from './grpc-way.ts';
import { AUTH_REQUEST, EXT_AUTHZ, FORWARD_AUTH } from './http-ways.ts';
import type { Fields } from './outcome.ts';
import type { ClientRequest } from './requests.ts';

/** One way of asking, in the hands of a proxy without faults. */
export interface Way {
  readonly name: string;
  /** The fields by which the proxy describes the request, which it never forwards. Lower case. */
  readonly own: readonly string[];
  readonly open: (ports: Ports, file: EqualityFile) => AskingProxy;
}

export interface Ports {
  readonly decisions: number;
  readonly grpc: number;
}

export interface AskingProxy {
  ask(request: ClientRequest): Promise<Reply>;
  close(): void;
}

/** What a proxy makes of the response to its question. */
export interface Reply {
  readonly requestId: string;
  /** 200 for an allowed request; else what its client is to get. */
  readonly status: number;
  readonly forClient: Fields;
  /** What to change in an allowed request; undefined for a refused one. */
  readonly changes: Changes | undefined;
}

/** Every way of asking is one entry. */
export const WAYS: readonly Way[] = [FORWARD_AUTH, AUTH_REQUEST, EXT_AUTHZ, EXT_AUTHZ_GRPC];
