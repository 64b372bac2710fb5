import type { Position } from '../../config/problem.ts';
import type { RouteSegment } from '../../config/routes/route-path.ts';

/** What an API description states about who may ask for what. */
export interface ApiDocument {
  readonly file: string;
  readonly title: string | undefined;
  /** In the order of the file. */
  readonly entries: readonly (Operation | Gap)[];
  readonly issuers: IssuerHints;
  /** What was decided about the document as a whole, for comments. */
  readonly remarks: readonly string[];
}

/** One method of one path. */
export interface Operation {
  readonly kind: 'operation';
  readonly place: Position;
  /** Upper case. */
  readonly method: string;
  /** The path as the document has it, such as `/pets/{id}`. */
  readonly template: string;
  readonly id: string | undefined;
  readonly addresses: readonly Address[];
  readonly path: RoutePath;
  readonly security: Security;
}

/** Something of the document that is not read, and why. */
export interface Gap {
  readonly kind: 'gap';
  readonly place: Position;
  /** Undefined: all of the path. */
  readonly method: string | undefined;
  readonly template: string;
  readonly addresses: readonly Address[];
  readonly path: RoutePath;
  readonly reason: string;
}

/** The path of an operation, without that of the server. */
export interface RoutePath {
  /** Take at least the requests of the operation. */
  readonly segments: readonly RouteSegment[];
  /** Why they take more. */
  readonly unsayable?: string;
}

/** An operation, or a path, for people. */
export function whatOf({ method, template }: Operation | Gap): string {
  return method === undefined ? template : `${method} ${template}`;
}

/** Where a server is. */
export interface Address {
  /** As `normalizeHost` spells it; undefined: where the document is. */
  readonly host: string | undefined;
  /** Decoded. */
  readonly base: readonly string[];
}

/** Who may use an operation. */
export type Security =
  /** The document has nothing about it. */
  { readonly kind: 'silent' } | { readonly kind: 'public' } | SecurityRules;

export interface SecurityRules {
  readonly kind: 'rules';
  /** Requests without credentials pass, too. */
  readonly allowsAnonymous: boolean;
  /** One is enough; none where nothing can be expressed as rules of tokens. */
  readonly alternatives: readonly Alternative[];
  /** What further alternatives ask for, which cannot be expressed. */
  readonly unsayable: readonly string[];
  /** On how alternatives were read. */
  readonly remarks: readonly string[];
}

/** A token with all of these. */
export interface Alternative {
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** Whether the document could have named scopes: a bearer scheme has none. */
  readonly namesScopes: boolean;
}

/** Where the document has tokens from. */
export interface IssuerHints {
  /** By `openIdConnectUrl`. */
  readonly issuers: readonly string[];
  /** Origins of the endpoints of OAuth flows. */
  readonly origins: readonly string[];
}
