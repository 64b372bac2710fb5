/** The ways in which another proxy can ask for a decision about a request that it forwards itself. */
export const VIAS = ['forward-auth', 'auth-request', 'ext-authz', 'ext-authz-grpc'] as const;

export type Via = (typeof VIAS)[number];
