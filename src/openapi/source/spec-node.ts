import type { Position } from '../../config/problem.ts';

/** A value of an API description, in YAML or JSON, with its place. Nothing is read ahead: most of a description is never looked at. */
export interface SpecNode {
  readonly kind: 'map' | 'list' | 'text' | 'number' | 'boolean' | 'null';
  /** A scalar as written, without quotes; empty for maps and lists. */
  readonly text: string;
  /** Equal for the same place of the file, however it was reached. */
  readonly identity: unknown;
  readonly place: () => Position;
  /** What makes the value unusable here, such as a tag. */
  readonly flaw: string | undefined;
  /** In the order of the file, doubles included; empty where it is no map. */
  readonly entries: () => readonly SpecEntry[];
  /** Empty where it is no list. */
  readonly items: () => readonly SpecNode[];
}

export interface SpecEntry {
  readonly name: string;
  readonly place: () => Position;
  readonly value: SpecNode;
}

/** Why a description cannot be used, and where. */
export interface SpecProblem extends Position {
  readonly message: string;
  readonly hint?: string;
}
