import type { Dispatcher } from 'undici';
import { METADATA_ROOT, type ResourcePlace } from '../../config/routes/resource.ts';
import { askAsClient, type ClientResponse } from './ask-as-client.ts';
import type { ClientTrouble } from './authorization-server.ts';

/** A resource of the file, and what a client must find. */
export interface ExpectedResource {
  readonly place: ResourcePlace;
  /** The document that this file publishes. */
  readonly document: string;
  /** Whether a GET of the identifier without a token is refused, so that asking does no harm. */
  readonly isGuarded: boolean;
  /** Whether the bare well-known path shows this resource, too. */
  readonly isAlone: boolean;
}

export interface FoundResource {
  readonly troubles: readonly ClientTrouble[];
  /** False where nothing could be asked, since nothing responds at the public address. */
  readonly isReached: boolean;
}

const IN_FRONT =
  'see what stands between clients and this gateway, and whether `listen.publicUrl` leads to it';

/**
 * Looks for the metadata of a resource in all three places where clients look: what the challenge names, the well-known path with the
 * path of the resource, and the bare one. Each must be byte for byte what the file names.
 */
export async function checkProtectedResource(
  expected: ExpectedResource,
  dispatcher: Dispatcher,
): Promise<FoundResource> {
  const { place, isGuarded, isAlone } = expected;
  const ask = (url: string) => askAsClient(url, dispatcher);
  const published = await ask(place.metadataUrl);
  if ('unreachable' in published) {
    const message = `clients cannot reach ${place.metadataUrl}: ${published.unreachable}`;
    const hint = 'start the gateway with this file, and see that `listen.publicUrl` leads to it';
    return { troubles: [{ severity: 'warning', message, hint }], isReached: false };
  }
  const challenged = isGuarded ? await ask(place.identifier) : undefined;
  const rootUrl = new URL(place.metadataUrl).origin + METADATA_ROOT;
  const bare = isAlone && rootUrl !== place.metadataUrl ? await ask(rootUrl) : undefined;
  const troubles = [
    ...checkDocument(place.metadataUrl, { response: published, expected }),
    ...(challenged === undefined ? [] : checkChallenge(place, challenged)),
    ...(bare === undefined ? [] : checkDocument(rootUrl, { response: bare, expected })),
  ];
  return { troubles, isReached: true };
}

function checkDocument(
  url: string,
  { response, expected }: { readonly response: ClientResponse; readonly expected: ExpectedResource },
): readonly ClientTrouble[] {
  if ('unreachable' in response) return [failure(`clients cannot reach ${url}: ${response.unreachable}`)];
  const { status, json } = response;
  if (status !== 200 || json === undefined) {
    return [failure(`clients find no metadata at ${url}: the response is ${describe(response)}`)];
  }
  const { identifier } = expected.place;
  if (json.resource !== identifier) {
    const named = typeof json.resource === 'string' ? `\`${json.resource}\`` : 'none';
    return [
      failure(
        `the resource named at ${url} is ${named}, not \`${identifier}\`: clients compare it byte for byte`,
      ),
    ];
  }
  return JSON.stringify(json) === expected.document
    ? []
    : [
        failure(
          `the metadata at ${url} is not what this file publishes`,
          'start the gateway with this file, or reload it',
        ),
      ];
}

function checkChallenge(
  { identifier, metadataUrl }: ResourcePlace,
  response: ClientResponse,
): readonly ClientTrouble[] {
  if ('unreachable' in response)
    return [failure(`clients cannot reach ${identifier}: ${response.unreachable}`)];
  if (response.status !== 401) {
    return [failure(`${identifier} without a token: expected 401, got ${describe(response)}`)];
  }
  const named = /resource_metadata="([^"]*)"/.exec(response.challenge ?? '')?.[1];
  if (named === metadataUrl) return [];
  return [
    failure(
      named === undefined
        ? `the challenge of ${identifier} names no metadata`
        : `the challenge of ${identifier} names metadata at ${named}, not ${metadataUrl}`,
    ),
  ];
}

function describe({ status, json }: Extract<ClientResponse, { status: number }>): string {
  const code = typeof json?.code === 'string' ? ` ${json.code}` : '';
  return `${status}${code}`;
}

function failure(message: string, hint: string = IN_FRONT): ClientTrouble {
  return { severity: 'error', message, hint };
}
