import type { RouteSegment } from '../../config/routes/route-path.ts';
import type { Address, Gap, Operation } from '../document/api-document.ts';
import { writePath } from '../document/read-path.ts';

/** Where requests of an operation arrive. */
export interface Place {
  /** Equal for what takes the same requests, whatever parameters are called. */
  readonly key: string;
  readonly host: string | undefined;
  readonly segments: readonly RouteSegment[];
  readonly path: string;
}

/** The places of an operation, one for each server. */
export function placesOf({ addresses, path }: Operation | Gap, takesAnyHost = false): readonly Place[] {
  const places = addresses.map((address): Place => {
    const segments = segmentsAt(address, path.segments);
    const host = takesAnyHost ? undefined : address.host;
    const key = [host ?? null, ...segments.map((one) => (one.kind === 'static' ? one.text : null))];
    return { key: JSON.stringify(key), host, segments, path: writePath(segments) };
  });
  return [...new Map(places.map((place) => [place.key, place])).values()];
}

function segmentsAt({ base }: Address, segments: readonly RouteSegment[]): readonly RouteSegment[] {
  return [...base.map((text) => ({ kind: 'static' as const, text })), ...segments];
}
