import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Record<string, unknown>;
}

/** Validates a resource by the schema that the Kubernetes API itself publishes for its kind; throws what is wrong. */
export function validateResource(resource: Resource): void {
  const models = require(`kubernetes-models/${resource.apiVersion}/${resource.kind}`) as Record<
    string,
    new (
      data: unknown,
    ) => { validate(): void }
  >;
  const Model = models[resource.kind];
  if (Model === undefined) throw new Error(`Kubernetes has no ${resource.apiVersion} ${resource.kind}`);
  new Model(resource).validate();
}
