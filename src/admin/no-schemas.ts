/**
 * Fastify's `schemaController` for applications whose routes have no schemas: its compilers, which it would load at every start, are
 * left alone. They are a tenth of the time of a start.
 */
export const NO_SCHEMAS = {
  compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema },
};

function refuseSchema(): never {
  throw new Error('a route has a schema, and nothing would hold anything to it');
}
