import { createRequire } from 'node:module';
import * as gateways from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import * as monitoring from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

const require = createRequire(import.meta.url);

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Record<string, unknown>;
}

type Models = Readonly<Record<string, new (data: unknown) => { validate(): void }>>;

/** The models of custom resources, by API version. */
const CUSTOM: Readonly<Record<string, unknown>> = {
  'gateway.networking.k8s.io/v1': gateways,
  'monitoring.coreos.com/v1': monitoring,
};

/** Validates a resource by the schema that the API of its kind itself publishes; throws what is wrong. */
export function validateResource(resource: Resource): void {
  const { apiVersion, kind } = resource;
  const models = (CUSTOM[apiVersion] ?? require(`kubernetes-models/${apiVersion}/${kind}`)) as Models;
  const Model = models[kind];
  if (Model === undefined) throw new Error(`there is no ${apiVersion} ${kind}`);
  new Model(resource).validate();
}
