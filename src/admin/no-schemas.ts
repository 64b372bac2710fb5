/**
 * Fastify's `schemaController` for applications without route schemas: Fastify would load its schema compilers at every start, a
 * tenth of its time (docs/performance.md, "schema compilers").
 */
export const NO_SCHEMAS = {
  compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema },
};

function refuseSchema(): never {
  throw new Error('a route has a schema, but nothing would validate it');
}
