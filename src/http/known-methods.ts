import { METHODS } from 'node:http';

/** The methods that Node's HTTP/1.1 parser knows. Where another parser read the request, or a proxy reports it, all others are refused, too. */
export const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);
